/**
 * From nothing to the first result of a 1024² session on the webgpu backend, in this process, which must be a fresh one:
 * webgpu.mjs starts it. Prints milliseconds as JSON, for each phase the part during which a kernel was being compiled.
 */
const began = performance.now();
const { globals } = /** @type {any} */ (await import('webgpu'));
/** @type {Record<string, [number, number][]>} */
const spans = { requestDevice: [], createComputePipelineAsync: [], createComputePipeline: [], mapAsync: [] };
watch(globals.GPUAdapter, 'requestDevice');
watch(globals.GPUDevice, 'createComputePipelineAsync');
watch(globals.GPUDevice, 'createComputePipeline');
watch(globals.GPUBuffer, 'mapAsync');

const { createSession } = await import('../../dist/index.js');
const loading = performance.now() - began;
const magnitudes = Float32Array.from({ length: 1024 * 1024 }, (_, i) => 1 + (i % 7));
const loaded = performance.now();
const session = await createSession({ magnitudes, shape: [1024, 1024] }, { backend: 'webgpu' });
const opened = performance.now();
await session.run(1);
const iterated = performance.now();
// Until here only the self-test has read anything.
const tested = Math.max(...spans.mapAsync.map(([, end]) => end));
await session.readObject();
const read = performance.now();
const device = spans.requestDevice[0][1];

const compiling = [...spans.createComputePipelineAsync, ...spans.createComputePipeline];
const phases = {
  loading: { milliseconds: loading, compiling: 0 },
  device: phase(loaded, device),
  'self-test': phase(device, tested),
  session: phase(tested, opened),
  iteration: phase(opened, iterated),
  reading: phase(iterated, read),
};
console.log(JSON.stringify({ total: loading + read - loaded, pipelines: compiling.length, phases }));
session.dispose();

/**
 * Notes from when to when each call of a method took, or the promise that it gave.
 * @param {any} Interface @param {string} method
 */
function watch({ prototype }, method) {
  const original = prototype[method];
  prototype[method] = function (/** @type {unknown[]} */ ...given) {
    const start = performance.now();
    const end = () => void spans[method].push([start, performance.now()]);
    const result = original.apply(this, given);
    if (result instanceof Promise) void result.then(end, end);
    else end();
    return result;
  };
}

/** @param {number} from @param {number} to */
function phase(from, to) {
  let compiled = 0;
  let until = from;
  // Several are compiled at once: what counts is the time in which any is.
  for (const [start, end] of compiling.sort(([a], [b]) => a - b)) {
    compiled += Math.max(0, Math.min(end, to) - Math.max(start, until));
    until = Math.max(until, end);
  }
  return { milliseconds: to - from, compiling: compiled };
}
