/**
 * What a session does to memory, as seen from outside of it, so that its own counters are not the only word: on cuda the
 * driver's profiler (cupti.cpp), on webgpu every call that reaches the GPUDevice, on wasm every typed array that is
 * copied into or out of a WebAssembly memory.
 */

/**
 * @typedef {object} Counts copies between host and device, in pieces as they come, and device memory
 * @property {number} uploads
 * @property {number} uploadedBytes
 * @property {number} downloads
 * @property {number} downloadedBytes
 * @property {number} deviceBytes
 * @property {number} peakDeviceBytes
 * @property {number} [kernels] kernels or dispatches
 * @property {number} [submissions]
 * @property {number} [deviceSeconds] that kernels took, on the device's clock
 *
 * @typedef {object} Counter
 * @property {string} name
 * @property {() => Counts | Promise<Counts>} counts once everything before has been waited for
 * @property {() => void} resetPeak
 * @property {number} [device] index of the device that is watched
 */

const fresh = () => ({
  uploads: 0,
  uploadedBytes: 0,
  downloads: 0,
  downloadedBytes: 0,
  deviceBytes: 0,
  peakDeviceBytes: 0,
});

/**
 * Before the backend is used for the first time.
 * @param {typeof import('../../dist/index.js')} rephase
 * @param {string} backend
 * @returns {Promise<Counter>}
 */
export async function watch(rephase, backend) {
  // Not in pages, which have no such thing.
  if (backend === 'cuda')
    return { name: "CUPTI, the driver's profiler", ...(await import('./cupti.mjs')).buildCupti() };
  if (backend === 'wasm') return watchWasm();
  const gpu = await requestDevice(['timestamp-query']);
  const witness = watchDevice(gpu);
  return { ...witness, device: await rephase.addGPUDevice(/** @type {any} */ (gpu)) };
}

/** Dawn's objects must outlive what was made with them. @type {unknown[]} */
const kept = [];

/** As the library asks for one, with features beside, of those that there are. @param {GPUFeatureName[]} wanted */
export async function requestDevice(wanted = []) {
  const inPage = 'navigator' in globalThis && navigator.gpu;
  const options = [
    'enable-dawn-features=disable_robustness,disable_workgroup_init',
    'disable-dawn-features=timestamp_quantization',
  ];
  const gpu = inPage ? navigator.gpu : (await import('webgpu')).create(options);
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('WebGPU has no adapter here');
  kept.push(gpu, adapter);
  const names = /** @type {const} */ ([
    ...['maxBufferSize', 'maxStorageBufferBindingSize', 'maxComputeWorkgroupStorageSize'],
    ...['maxComputeInvocationsPerWorkgroup', 'maxComputeWorkgroupSizeX'],
  ]);
  const requiredLimits = Object.fromEntries(names.map((name) => [name, /** @type {any} */ (adapter.limits)[name]]));
  return adapter.requestDevice({
    requiredLimits,
    requiredFeatures: wanted.filter((name) => adapter.features.has(name)),
  });
}

/** GPUBufferUsage, which Node does not have as a global. */
const [MAP_READ, COPY_SRC, COPY_DST, QUERY_RESOLVE] = [1, 4, 8, 512];
const MOST_PASSES = 1024;

/** @param {GPUDevice} gpu @returns {Counter} */
export function watchDevice(gpu) {
  const counts = { ...fresh(), kernels: 0, submissions: 0 };
  const own = {
    createBuffer: gpu.createBuffer.bind(gpu),
    createCommandEncoder: gpu.createCommandEncoder.bind(gpu),
    submit: gpu.queue.submit.bind(gpu.queue),
    writeBuffer: gpu.queue.writeBuffer.bind(gpu.queue),
  };
  const timed = gpu.features.has('timestamp-query');
  const times = timed && gpu.createQuerySet({ type: 'timestamp', count: 2 * MOST_PASSES });
  let [passes, seconds] = [0, 0];
  const resize = (/** @type {number} */ bytes) => {
    counts.deviceBytes += bytes;
    counts.peakDeviceBytes = Math.max(counts.peakDeviceBytes, counts.deviceBytes);
  };
  const free = (/** @type {{ live: number }} */ size) => {
    resize(-size.live);
    size.live = 0;
  };
  // A buffer that nothing refers to any more goes with its object.
  const collected = new FinalizationRegistry(free);
  gpu.createBuffer = (descriptor) => {
    const buffer = own.createBuffer(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    const size = { live: buffer.size };
    resize(size.live);
    collected.register(buffer, size);
    buffer.destroy = () => {
      free(size);
      return destroy();
    };
    return buffer;
  };
  gpu.queue.writeBuffer = (/** @type {any[]} */ ...given) => {
    counts.uploads += 1;
    counts.uploadedBytes += given[4] ?? given[2].byteLength;
    return /** @type {any} */ (own.writeBuffer)(...given);
  };
  gpu.queue.submit = (buffers) => {
    counts.submissions += 1;
    return own.submit(buffers);
  };
  gpu.createCommandEncoder = (descriptor) => {
    const encoder = own.createCommandEncoder(descriptor);
    const copy = /** @type {any} */ (encoder.copyBufferToBuffer.bind(encoder));
    encoder.copyBufferToBuffer = (/** @type {any[]} */ ...given) => {
      if (given[2].usage & MAP_READ) {
        counts.downloads += 1;
        counts.downloadedBytes += given[4];
      }
      return copy(...given);
    };
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = () => {
      const at = 2 * (passes++ % MOST_PASSES);
      const timestampWrites = times && { querySet: times, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 };
      const pass = begin(timestampWrites ? { timestampWrites } : undefined);
      const dispatch = pass.dispatchWorkgroups.bind(pass);
      pass.dispatchWorkgroups = (...given) => {
        counts.kernels += 1;
        return dispatch(...given);
      };
      return pass;
    };
    return encoder;
  };
  const readTimes = async () => {
    const count = Math.min(passes, MOST_PASSES);
    passes = 0;
    if (!times || count === 0) return;
    const resolved = own.createBuffer({ size: 16 * count, usage: QUERY_RESOLVE | COPY_SRC });
    const staging = own.createBuffer({ size: 16 * count, usage: MAP_READ | COPY_DST });
    const encoder = own.createCommandEncoder();
    encoder.resolveQuerySet(times, 0, 2 * count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 16 * count);
    own.submit([encoder.finish()]);
    await staging.mapAsync(1);
    const nanoseconds = new BigUint64Array(staging.getMappedRange().slice(0));
    for (let i = 0; i < count; i++) seconds += Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / 1e9;
    for (const buffer of [resolved, staging]) buffer.destroy();
  };
  return {
    name: 'the calls that reach the GPUDevice',
    counts: async () => {
      await readTimes();
      return { ...counts, ...(timed && { deviceSeconds: seconds }) };
    },
    resetPeak: () => void (counts.peakDeviceBytes = counts.deviceBytes),
  };
}

/** Memories are never given back in part, so that what there is of them is their peak. @returns {Counter} */
function watchWasm() {
  const counts = fresh();
  /** @type {WeakRef<WebAssembly.Memory>[]} */
  const memories = [];
  const instantiate = /** @type {any} */ (WebAssembly.instantiate);
  /** @type {any} */ (WebAssembly).instantiate = async (/** @type {any[]} */ ...given) => {
    const made = await instantiate(...given);
    const { memory } = (made.instance ?? made).exports;
    if (memory) memories.push(new WeakRef(memory));
    return made;
  };
  const isMemory = (/** @type {unknown} */ buffer) => memories.some((memory) => memory.deref()?.buffer === buffer);
  const note = (/** @type {any} */ to, /** @type {any} */ from, /** @type {number} */ bytes) => {
    const [up, down] = [isMemory(to), isMemory(from)];
    if (up && !down) [counts.uploads, counts.uploadedBytes] = [counts.uploads + 1, counts.uploadedBytes + bytes];
    if (down && !up)
      [counts.downloads, counts.downloadedBytes] = [counts.downloads + 1, counts.downloadedBytes + bytes];
  };
  const array = Object.getPrototypeOf(Float32Array.prototype);
  const { set, slice } = array;
  array.set = function (/** @type {any} */ from, /** @type {number} */ at) {
    note(this.buffer, from.buffer, from.length * this.BYTES_PER_ELEMENT);
    return set.call(this, from, at);
  };
  array.slice = function (/** @type {number[]} */ ...range) {
    const copy = slice.apply(this, range);
    note(copy.buffer, this.buffer, copy.byteLength);
    return copy;
  };
  return {
    name: 'every typed array copied into or out of a WebAssembly memory',
    counts: () => {
      const live = memories.reduce((sum, memory) => sum + (memory.deref()?.buffer.byteLength ?? 0), 0);
      return { ...counts, deviceBytes: live, peakDeviceBytes: live };
    },
    resetPeak: () => undefined,
  };
}
