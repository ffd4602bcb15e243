/** What a call costs at the layers that Node and pages share: WebAssembly, WebGPU, and rephase's sessions. */
import { callCost, repeated, waiting } from '../measure.mjs';

/** @param {number} n */
export function problem(n) {
  // Hashed, so that no two frequencies are alike.
  const magnitudes = Float32Array.from({ length: n * n }, (_, i) => 1 + (Math.imul(i + 1, 2654435761) >>> 8) / 2 ** 24);
  return { magnitudes, shape: /** @type {const} */ ([n, n]) };
}

/**
 * @param {string} layer
 * @param {import('../measure.mjs').Effort} effort
 * @param {[what: string, work: (calls: number) => unknown, options?: Parameters<typeof callCost>[4]][]} rows
 */
export async function callCosts(layer, effort, rows) {
  const costs = [];
  for (const [what, work, options] of rows) costs.push(await callCost(layer, what, work, effort, options));
  return costs;
}

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
  const { empty, three, memory } = instance.exports;
  const numbers = new Float32Array(1024);
  return callCosts('WebAssembly', effort, [
    ['an empty export', repeated(() => empty())],
    ['an export with three numbers', repeated((i) => three(1, 2, i))],
    ['4 KiB copied into its memory', repeated(() => new Float32Array(memory.buffer).set(numbers))],
  ]);
}

/** GPUBufferUsage and GPUMapMode, which Node does not have as globals. */
const [MAP_READ, COPY_SRC, COPY_DST, STORAGE, READ] = [1, 4, 8, 128, 1];
const DISPATCHES = 256;
/** Submissions of a turn: few enough that the device keeps up. */
const MOST = 64;

/** @param {import('../measure.mjs').Effort} effort */
export async function webgpuCalls(effort) {
  const gpu = globalThis.navigator?.gpu ?? (await import('webgpu')).create([]);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('WebGPU has no adapter here');
  const device = await adapter.requestDevice();
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
    for (let left = calls; left > 0; left -= DISPATCHES) submit(Math.min(left, DISPATCHES));
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
  const write = repeated(() => queue.writeBuffer(buffer, 0, bytes));
  // The first dispatch takes long, and would be mistaken for a slow device.
  await round();
  const costs = await callCosts('WebGPU', effort, [
    ['encoding and submitting one dispatch', repeated(() => submit(1)), { most: MOST, after }],
    [`encoding and submitting a dispatch among ${DISPATCHES}`, many, { most: 4 * DISPATCHES, after }],
    ['4 KiB by writeBuffer', write, { most: MOST, after }],
    ['one dispatch, submitted and waited for', waiting(round)],
    ['4 KiB copied back and mapped', waiting(back)],
  ]);
  device.destroy();
  return costs;
}

/**
 * Measures the library's own calls, on an image so small that its work is next to nothing.
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {import('../measure.mjs').Effort} effort
 */
export async function sessionCalls(rephase, backend, effort) {
  const session = await rephase.createSession(problem(16), { backend });
  const steps = repeated(() => session.step());
  const costs = await callCosts(`rephase, ${backend}`, effort, [
    ['session.step() of 16 × 16, until it returns', steps, { most: 512, after: () => session.residuals() }],
    ['await session.run(1) of 16 × 16', waiting(() => session.run(1))],
    ['await session.readObject() of 16 × 16', waiting(() => session.readObject())],
  ]);
  session.dispose();
  return costs;
}

/**
 * Times the same iterations by one call for all, by one call each, and by one call for each kernel.
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {typeof import('../../src/cli/call-overhead.js')} overhead
 * @param {import('../../dist/index.js').BackendName} backend
 * @param {number[]} sizes
 * @param {import('../measure.mjs').Effort} effort
 */
export async function callOverhead(rephase, overhead, backend, sizes, { batchMs, rounds }) {
  const rows = [];
  for (const n of sizes) {
    const session = await rephase.createSession(problem(n), { backend });
    rows.push(await overhead.measureOverhead(session, { turn: batchMs, turns: rounds }));
    session.dispose();
  }
  return rows;
}
