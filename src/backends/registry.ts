/**
 * The registry of backends and the choice among them. A backend is loaded, asked for its devices and given a small
 * reconstruction to do on each that is about to be used, once; what fails on the way is kept as the reason why it is not.
 */
import { wasmBackend } from '../../backends/wasm/backend.js';
import { handInDevice, webgpuBackend, withdrawDevice } from '../../backends/webgpu/backend.js';
import type { Backend } from './interface.js';
import { BackendUnavailableError, InvalidArgumentError, gotTakes } from '../errors.js';
import { checkName, checkSessionOptions, type Settings } from '../problems/options.js';
import { prepare } from '../problems/image.js';
import { selfTest } from './self-test.js';
import { openSession, type Session } from '../session/session.js';
import { BACKEND_NAMES, type BackendName, type BackendReport, type DeviceInfo } from '../types.js';
import type { GPUDeviceLike, Problem, SessionOptions } from '../types.js';

/** How each backend is got hold of: the only place to add one. What is missing here is not part of this version. */
const LOADERS: Partial<Record<BackendName, () => Promise<Backend>>> = {
  // In the browser's build another file takes its place: see tsup.config.ts.
  cuda: async () => (await import('../../backends/cuda/backend.js')).cudaBackend,
  webgpu: () => Promise.resolve(webgpuBackend),
  wasm: () => Promise.resolve(wasmBackend),
};

const loaded = new Map<BackendName, Promise<Backend>>();

/**
 * What each device's self-test said; undefined where it passed. By the object that describes a device, which is another
 * one where another device has come in its place.
 */
const verdicts = new WeakMap<DeviceInfo, Promise<string | undefined>>();

/**
 * Every backend, best first: what can run here, with its devices, and why the rest cannot. A device that is listed with a
 * `reason` is not used, and keeps its index.
 */
export async function listBackends(): Promise<BackendReport[]> {
  const reports = await Promise.all(BACKEND_NAMES.map(report));
  return reports.sort((a, b) => rank(a) - rank(b));
}

/**
 * Opens a session: a problem, or a batch of starts of it, in a backend's memory, to be iterated at any of three
 * granularities. Arrays are copied before the promise resolves, and never kept or changed.
 *
 * Rejects with an `InvalidArgumentError`, a `BackendUnavailableError`, an `OutOfMemoryError`, a `DeviceLostError` or a
 * `DeviceFailedError`.
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
  const { backend, index } = await selectDevice(settings);
  return openSession(backend, index, setup);
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
  const index = await handInDevice(device);
  // Without a device it may not have been available.
  loaded.delete('webgpu');
  const examined = await examine('webgpu');
  const reason = typeof examined === 'string' ? examined : await whyNot(examined.backend, examined.devices, index);
  if (reason === undefined) return index;
  withdrawDevice(index, reason);
  throw new BackendUnavailableError(`device: ${reason}`, 'webgpu');
}

/** A device that is going to be used. */
export interface Selected {
  backend: Backend;
  index: number;
  device: DeviceInfo;
}

type Wanted = Pick<Settings, 'precision' | 'device'>;

/**
 * The device that was asked for, or the first that works, of the backend that was named or of the best. Rejects with a
 * `BackendUnavailableError` that lists what was tried, and an `InvalidArgumentError` for a precision or a device that the
 * backend does not have.
 */
export async function selectDevice({ backend, ...wanted }: Wanted & Pick<Settings, 'backend'>): Promise<Selected> {
  const name = backend === 'auto' ? environmentChoice() : backend;
  return name === 'auto' ? bestDevice(wanted) : namedDevice(name, wanted);
}

/** A backend that the library itself relies on, with any device. */
export async function requireBackend(name: BackendName): Promise<Backend> {
  return (await namedDevice(name, { precision: 'double', device: undefined })).backend;
}

async function namedDevice(name: BackendName, wanted: Wanted): Promise<Selected> {
  const selected = await deviceOf(name, wanted);
  if (typeof selected !== 'string') return selected;
  const what = wanted.device === undefined ? `the ${name} backend` : `device ${wanted.device} of the ${name} backend`;
  throw new BackendUnavailableError(`${what} is not available: ${selected}`, name);
}

/** Stops at the first that does not emulate its device, so that backends behind it are not even loaded. */
async function bestDevice(wanted: Wanted): Promise<Selected> {
  const tried: string[] = [];
  let emulated: Selected | undefined;
  for (const name of BACKEND_NAMES) {
    const selected = await deviceOf(name, wanted).catch((error: unknown) => {
      if (error instanceof InvalidArgumentError && error.argument === 'precision')
        return `no ${wanted.precision} precision`;
      throw error;
    });
    if (typeof selected === 'string') tried.push(`${name}: ${selected}`);
    else if (!selected.device.software) return selected;
    else emulated ??= selected;
  }
  if (emulated) return emulated;
  throw new BackendUnavailableError(`no backend is available here. Tried: ${tried.join('; ')}`);
}

/** Or the reason why there is none. */
async function deviceOf(name: BackendName, { precision, device }: Wanted): Promise<Selected | string> {
  const examined = await examine(name);
  if (typeof examined === 'string') return examined;
  const { backend, devices } = examined;
  const { precisions } = backend;
  if (!precisions.includes(precision)) {
    const takes = `${precisions.map((p) => `'${p}'`).join(', ')} on the ${name} backend`;
    throw new InvalidArgumentError('precision', gotTakes('precision', precision, takes));
  }
  if (device !== undefined && device >= devices.length) {
    const takes = `an integer from 0 to ${devices.length - 1} (the devices of the ${name} backend)`;
    throw new InvalidArgumentError('device', gotTakes('device', device, takes));
  }
  const reasons: string[] = [];
  for (const index of device === undefined ? devices.keys() : [device]) {
    const reason = await whyNot(backend, devices, index);
    if (reason === undefined) return { backend, index, device: devices[index] };
    reasons.push(reason);
  }
  return allOf(reasons);
}

async function report(name: BackendName): Promise<BackendReport> {
  const examined = await examine(name);
  if (typeof examined === 'string') return { name, available: false, reason: examined, devices: [] };
  const { backend, devices } = examined;
  const reasons = await Promise.all(devices.map((_, index) => whyNot(backend, devices, index)));
  if (!reasons.includes(undefined)) return { name, available: false, reason: allOf(reasons as string[]), devices: [] };
  const infos = devices.map((info, index) =>
    reasons[index] === undefined ? info : { ...info, reason: reasons[index] },
  );
  return { name, available: true, devices: infos };
}

/** A backend that has devices, or the reason why there is none. */
async function examine(name: BackendName): Promise<{ backend: Backend; devices: DeviceInfo[] } | string> {
  try {
    let loading = loaded.get(name);
    if (!loading) loaded.set(name, (loading = load(name)));
    const backend = await loading;
    return { backend, devices: await backend.devices() };
  } catch (error) {
    return messageOf(error);
  }
}

/** Rejects where the backend has no devices, so that this is found out once. */
async function load(name: BackendName): Promise<Backend> {
  const loader = LOADERS[name];
  if (!loader) throw new BackendUnavailableError('not part of this version', name);
  const backend = await loader();
  await backend.devices();
  return backend;
}

/** Why a device is not to be used; undefined where it computes what it should. */
function whyNot(backend: Backend, devices: readonly DeviceInfo[], index: number): Promise<string | undefined> {
  const info = devices[index];
  let verdict = verdicts.get(info);
  if (!verdict) {
    verdict = info.reason === undefined ? selfTest(backend, index) : Promise.resolve(info.reason);
    verdicts.set(info, verdict);
  }
  return verdict;
}

/** Of devices, each with its number where there are several. */
function allOf(reasons: readonly string[]): string {
  return reasons.length === 1 ? reasons[0] : reasons.map((reason, index) => `device ${index}: ${reason}`).join('; ');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Software devices rank below the wasm backend, what is not available below them. */
function rank({ name, available, devices }: BackendReport): number {
  const order = BACKEND_NAMES.indexOf(name);
  if (!available) return order + 2 * BACKEND_NAMES.length;
  const best = devices.find(({ reason }) => reason === undefined)!;
  return best.software ? order + BACKEND_NAMES.length : order;
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
