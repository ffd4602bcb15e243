/**
 * The registry of backends and the choice among them. A backend is loaded, asked for its devices and given a small
 * reconstruction to do, once; what fails on the way is kept as the reason why it is not available.
 */
import { wasmBackend } from '../backends/wasm/backend.js';
import { handInDevice, webgpuBackend, withdrawDevice } from '../backends/webgpu/backend.js';
import type { Backend } from './backend.js';
import { BackendUnavailableError, InvalidArgumentError, gotTakes } from './errors.js';
import { checkName, checkSessionOptions, type Settings } from './options.js';
import { prepare } from './problem.js';
import { selfTest } from './self-test.js';
import { openSession, type Session } from './session.js';
import { BACKEND_NAMES, type BackendName, type BackendReport, type DeviceInfo } from './types.js';
import type { GPUDeviceLike, Problem, SessionOptions } from './types.js';

/** How each backend is got hold of: the only place to add one. What is missing here is not part of this version. */
const LOADERS: Partial<Record<BackendName, () => Promise<Backend>>> = {
  // In the browser's build another file takes its place: see tsup.config.ts.
  cuda: async () => (await import('../backends/cuda/backend.js')).cudaBackend,
  webgpu: () => Promise.resolve(webgpuBackend),
  wasm: () => Promise.resolve(wasmBackend),
};

type Candidate = { name: BackendName; backend: Backend; devices: DeviceInfo[] } | { name: BackendName; reason: string };

const candidates = new Map<BackendName, Promise<Candidate>>();

/** Every backend, best first: what can run here, with its devices, and why the rest cannot. */
export async function listBackends(): Promise<BackendReport[]> {
  const all = await Promise.all(BACKEND_NAMES.map(examine));
  return all
    .sort((a, b) => rank(a) - rank(b))
    .map((candidate) =>
      'reason' in candidate
        ? { name: candidate.name, available: false, reason: candidate.reason, devices: [] }
        : { name: candidate.name, available: true, devices: candidate.devices },
    );
}

/**
 * Opens a session: a problem, or a batch of starts of it, in a backend's memory, to be iterated at any of three
 * granularities. Arrays are copied before the promise resolves, and never kept or changed.
 *
 * Rejects with an `InvalidArgumentError`, a `BackendUnavailableError`, an `OutOfMemoryError` or a `DeviceLostError`.
 *
 * ```ts
 * await using session = await createSession({ magnitudes, shape }, { algorithm: 'hio', seed: 1 });
 * await session.run(500);
 * const image = await session.readObject();
 * ```
 */
export async function createSession(problem: Problem, options: SessionOptions = {}): Promise<Session> {
  const settings = checkSessionOptions(options);
  const setup = prepare(problem, settings, options.start);
  const { backend } = await selectBackend(settings);
  return openSession(backend, settings.device, setup);
}

/**
 * Makes a GPUDevice of the caller's a device of the webgpu backend, and resolves with its index, for the option `device`.
 * The caller goes on owning it. Sessions take what limits it has; larger ones allow larger images.
 *
 * Rejects with an `InvalidArgumentError` for anything else, and with a `BackendUnavailableError` when it does not compute
 * what it should.
 *
 * ```ts
 * const device = await addGPUDevice(await adapter.requestDevice());
 * const session = await createSession(problem, { backend: 'webgpu', device });
 * ```
 */
export async function addGPUDevice(device: GPUDeviceLike): Promise<number> {
  const info = handInDevice(device);
  candidates.delete('webgpu');
  try {
    const { backend, devices } = await namedCandidate('webgpu', { precision: 'single' });
    const index = devices.indexOf(info);
    if (index > 0) await selfTest(backend, index);
    return index;
  } catch (error) {
    withdrawDevice(info, error as Error);
    // Asked without that device the next time.
    candidates.delete('webgpu');
    throw error;
  }
}

/**
 * The backend that was named, or the best that is available. Rejects with a `BackendUnavailableError` that lists what
 * was tried, and an `InvalidArgumentError` for a precision or a device that the backend does not have.
 */
export async function selectBackend(
  settings: Pick<Settings, 'backend' | 'device' | 'precision'>,
): Promise<{ backend: Backend; device: DeviceInfo }> {
  const name = settings.backend === 'auto' ? environmentChoice() : settings.backend;
  const { backend, devices } = await (name === 'auto' ? bestCandidate(settings) : namedCandidate(name, settings));
  const device = devices.at(settings.device);
  if (!device) {
    const takes = `an integer from 0 to ${devices.length - 1} (the devices of the ${backend.name} backend)`;
    throw new InvalidArgumentError('device', gotTakes('device', settings.device, takes));
  }
  return { backend, device };
}

/** A backend that the library itself relies on, with any device. */
export async function requireBackend(name: BackendName): Promise<Backend> {
  return (await namedCandidate(name, { precision: 'double' })).backend;
}

async function namedCandidate(name: BackendName, { precision }: Pick<Settings, 'precision'>) {
  const candidate = await examine(name);
  if ('reason' in candidate) {
    throw new BackendUnavailableError(`the ${name} backend is not available: ${candidate.reason}`, name);
  }
  const { precisions } = candidate.backend;
  if (!precisions.includes(precision)) {
    const takes = `${precisions.map((p) => `'${p}'`).join(', ')} on the ${name} backend`;
    throw new InvalidArgumentError('precision', gotTakes('precision', precision, takes));
  }
  return candidate;
}

/** Stops at the first that does not emulate its device, so that backends behind it are not even loaded. */
async function bestCandidate({ precision }: Pick<Settings, 'precision'>) {
  const tried: string[] = [];
  let emulated: Extract<Candidate, { backend: Backend }> | undefined;
  for (const name of BACKEND_NAMES) {
    const candidate = await examine(name);
    if ('reason' in candidate) tried.push(`${name}: ${candidate.reason}`);
    else if (!candidate.backend.precisions.includes(precision)) tried.push(`${name}: no ${precision} precision`);
    else if (!candidate.devices[0].software) return candidate;
    else emulated ??= candidate;
  }
  if (emulated) return emulated;
  throw new BackendUnavailableError(`no backend is available here. Tried: ${tried.join('; ')}`);
}

function examine(name: BackendName): Promise<Candidate> {
  let candidate = candidates.get(name);
  if (!candidate) {
    candidate = load(name).catch((error: unknown) => ({
      name,
      reason: error instanceof Error ? error.message : String(error),
    }));
    candidates.set(name, candidate);
  }
  return candidate;
}

async function load(name: BackendName): Promise<Candidate> {
  const loader = LOADERS[name];
  if (!loader) return { name, reason: 'not part of this version' };
  const backend = await loader();
  const devices = await backend.devices();
  await selfTest(backend);
  return { name, backend, devices };
}

/** Software devices rank below the wasm backend, what is not available below them. */
function rank(candidate: Candidate): number {
  const order = BACKEND_NAMES.indexOf(candidate.name);
  if ('reason' in candidate) return order + 2 * BACKEND_NAMES.length;
  return candidate.devices[0].software ? order + BACKEND_NAMES.length : order;
}

/** What REPHASE_BACKEND says, in Node; it speaks where the caller leaves the choice open. */
function environmentChoice(): BackendName | 'auto' {
  // Undefined in browsers, whatever the types say.
  const { process } = globalThis as { process?: { env?: NodeJS.ProcessEnv } };
  const choice = process?.env?.REPHASE_BACKEND;
  if (!choice) return 'auto';
  checkName('REPHASE_BACKEND', choice, [...BACKEND_NAMES, 'auto']);
  return choice as BackendName | 'auto';
}
