/**
 * Counts what sessions do to memory from outside of them, so that their own counts are not the only word: on cuda by the
 * driver's profiler, on webgpu by the calls that reach WebGPU, on wasm by the typed arrays that are copied into or out of
 * a WebAssembly memory.
 */
import { loadAddon } from './native.mjs';

/**
 * @typedef {object} Counts copies between host and device, and device memory
 * @property {number} uploads
 * @property {number} uploadedBytes
 * @property {number} downloads
 * @property {number} downloadedBytes
 * @property {number} deviceBytes
 * @property {number} peakDeviceBytes since the last reading
 *
 * @typedef {{ counts: () => Counts }} Counter to be read when everything before has been waited for
 */

/**
 * Call this before the backend is used for the first time.
 * @param {string} backend
 * @returns {Promise<Counter>}
 */
export async function watch(backend) {
  if (backend === 'cuda') return loadAddon('cupti');
  return backend === 'webgpu' ? watchWebGPU() : watchWasm();
}

const zeros = () => ({
  ...{ uploads: 0, uploadedBytes: 0, downloads: 0, downloadedBytes: 0 },
  ...{ deviceBytes: 0, peakDeviceBytes: 0 },
});

/**
 * Tells `note` about every call of a method: the object, its arguments and the result.
 * @param {any} owner
 * @param {string} method
 * @param {(self: any, given: any[], result: any) => void} note
 */
function observe(owner, method, note) {
  const original = owner[method];
  owner[method] = function (...given) {
    const result = original.apply(this, given);
    note(this, given, result);
    return result;
  };
}

/** GPUBufferUsage.MAP_READ, which Node does not have as a global. */
const MAP_READ = 1;

async function watchWebGPU() {
  const { GPUDevice, GPUBuffer, GPUQueue, GPUCommandEncoder } = (await import('webgpu')).globals;
  const counts = zeros();
  /** Bytes that a buffer still has, by buffer. */
  const sizes = new WeakMap();
  const free = (size) => {
    counts.deviceBytes -= size.bytes;
    size.bytes = 0;
  };
  // A buffer that nothing refers to any more goes with its object.
  const collected = new FinalizationRegistry(free);
  observe(GPUDevice.prototype, 'createBuffer', (_, [{ size: bytes }], buffer) => {
    const size = { bytes };
    sizes.set(buffer, size);
    collected.register(buffer, size);
    counts.deviceBytes += bytes;
    counts.peakDeviceBytes = Math.max(counts.peakDeviceBytes, counts.deviceBytes);
  });
  observe(GPUBuffer.prototype, 'destroy', (buffer) => free(sizes.get(buffer)));
  observe(GPUQueue.prototype, 'writeBuffer', (_, [, , data, , bytes]) => {
    counts.uploads += 1;
    counts.uploadedBytes += bytes ?? data.byteLength;
  });
  observe(GPUCommandEncoder.prototype, 'copyBufferToBuffer', (_, [, , target, , bytes]) => {
    if (!(target.usage & MAP_READ)) return;
    counts.downloads += 1;
    counts.downloadedBytes += bytes;
  });
  return {
    counts: () => {
      const read = { ...counts };
      counts.peakDeviceBytes = counts.deviceBytes;
      return read;
    },
  };
}

function watchWasm() {
  const counts = zeros();
  /** @type {WeakRef<WebAssembly.Memory>[]} */
  const memories = [];
  observe(WebAssembly, 'instantiate', (_, __, made) =>
    made.then((result) => {
      const { memory } = (result.instance ?? result).exports;
      if (memory) memories.push(new WeakRef(memory));
    }),
  );
  const isMemory = (buffer) => memories.some((memory) => memory.deref()?.buffer === buffer);
  const note = (to, from, bytes) => {
    const [up, down] = [isMemory(to), isMemory(from)];
    if (up === down) return;
    counts[up ? 'uploads' : 'downloads'] += 1;
    counts[up ? 'uploadedBytes' : 'downloadedBytes'] += bytes;
  };
  const array = Object.getPrototypeOf(Float32Array.prototype);
  observe(array, 'set', (to, [from]) => note(to.buffer, from.buffer, from.length * to.BYTES_PER_ELEMENT));
  observe(array, 'slice', (from, _, copy) => note(copy.buffer, from.buffer, copy.byteLength));
  return {
    counts: () => {
      const live = memories.reduce((sum, memory) => sum + (memory.deref()?.buffer.byteLength ?? 0), 0);
      // A memory never shrinks, so its size is its peak.
      return { ...counts, deviceBytes: live, peakDeviceBytes: live };
    },
  };
}
