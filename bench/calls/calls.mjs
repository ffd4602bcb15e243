/** What a call costs at the layers that Node and browsers share: JavaScript, WebAssembly and WebGPU. */
import { callCost, repeated, waiting } from '../measure.mjs';

/**
 * A module with a memory of one page and two exports that do nothing: `empty`, and `three`, which takes three numbers.
 * (module (memory (export "memory") 1) (func (export "empty")) (func (export "three") (param i32 i32 i32)))
 */
const MODULE = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 10, 2, 0x60, 0, 0, 0x60, 3, 0x7f, 0x7f, 0x7f, 0],
  ...[3, 3, 2, 0, 1],
  ...[5, 3, 1, 0, 1],
  ...[7, 26, 3, 6, ...ascii('memory'), 2, 0, 5, ...ascii('empty'), 0, 0, 5, ...ascii('three'), 0, 1],
  ...[10, 7, 2, 2, 0, 0x0b, 2, 0, 0x0b],
]);

/** @param {string} text */
function ascii(text) {
  return [...text].map((letter) => letter.charCodeAt(0));
}

/** @param {import('../measure.mjs').Effort} effort */
export async function engineCalls(effort) {
  const { instance } = await WebAssembly.instantiate(MODULE);
  const { empty, three, memory } = /** @type {any} */ (instance.exports);
  const numbers = new Float32Array(1024);
  const copy = repeated(() => new Float32Array(memory.buffer).set(numbers));
  return [
    await callCost(
      'WebAssembly',
      'an empty export',
      repeated(() => empty()),
      effort,
    ),
    await callCost(
      'WebAssembly',
      'an export with three numbers',
      repeated((i) => three(1, 2, i)),
      effort,
    ),
    await callCost('WebAssembly', '4 KiB copied into its memory', copy, effort),
  ];
}

/** GPUBufferUsage and GPUMapMode, which Node does not have as globals. */
const [MAP_READ, COPY_SRC, COPY_DST, STORAGE, READ] = [1, 4, 8, 128, 1];
const DISPATCHES = 256;
/** So few submissions that the device keeps up. */
const MOST = 64;

/**
 * @param {GPUDevice} device
 * @param {import('../measure.mjs').Effort} effort
 */
export async function webgpuCalls(device, effort) {
  const { queue } = device;
  const buffer = device.createBuffer({ size: 4096, usage: STORAGE | COPY_SRC | COPY_DST });
  const staging = device.createBuffer({ size: 4096, usage: MAP_READ | COPY_DST });
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<u32>;
    @compute @workgroup_size(1) fn main() { x[0] += 1u; }`;
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const entries = [{ binding: 0, resource: { buffer } }];
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  const submit = (/** @type {number} */ dispatches) => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < dispatches; i++) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(1);
    }
    pass.end();
    queue.submit([encoder.finish()]);
  };
  const many = (/** @type {number} */ calls) => {
    for (let i = 0; i < calls; i += DISPATCHES) submit(DISPATCHES);
  };
  const bytes = new Uint8Array(4096);
  const round = async () => {
    submit(1);
    await queue.onSubmittedWorkDone();
  };
  const back = async () => {
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, 0, staging, 0, 4096);
    queue.submit([encoder.finish()]);
    await staging.mapAsync(READ);
    staging.unmap();
  };
  const after = () => queue.onSubmittedWorkDone();
  const gathered = `encoding and submitting a dispatch among ${DISPATCHES}`;
  const prices = [
    await callCost(
      'WebGPU',
      'encoding and submitting one dispatch',
      repeated(() => submit(1)),
      effort,
      { most: MOST, after },
    ),
    await callCost('WebGPU', gathered, many, effort, { most: 4 * DISPATCHES, after }),
    await callCost(
      'WebGPU',
      '4 KiB by writeBuffer',
      repeated(() => queue.writeBuffer(buffer, 0, bytes)),
      effort,
      { most: MOST, after },
    ),
    await callCost('WebGPU', 'one dispatch, submitted and waited for', waiting(round), effort),
    await callCost('WebGPU', '4 KiB copied back and mapped', waiting(back), effort),
  ];
  buffer.destroy();
  staging.destroy();
  return prices;
}
