/**
 * Registers the backends and chooses among them. A backend is loaded on first use, and each device does a small
 * reconstruction before it is used for anything else. If that fails, the registry remembers the reason and passes the
 * device over. It does not remember a lack of memory, which may pass.
 */
import { wasmBackend } from '../../backends/wasm/backend.js';
import { handInDevice, webgpuBackend, withdrawDevice } from '../../backends/webgpu/backend.js';
import type { Backend } from './interface.js';
import { BackendUnavailableError, InvalidArgumentError, OutOfMemoryError, gotTakes, messageOf } from '../errors.js';
import { checkName, checkSessionOptions, type Settings } from '../problems/options.js';
import { prepare } from '../problems/image.js';
import { selfTest } from './self-test.js';
import { checkScanSessionOptions, isScan, prepareScan } from '../problems/scan.js';
import { openSession, type Session } from '../session/session.js';
import { openScanSession, type ScanSession } from '../session/scan-session.js';
import { focusOf } from '../session/probe.js';
import type { Scan, ScanSessionOptions } from '../scan-types.js';
import { BACKEND_NAMES, type BackendName, type BackendReport, type DeviceInfo } from '../types.js';
import type { GPUDeviceLike, Problem, RetrieveOptions, SessionOptions } from '../types.js';

/** Loads each backend on first use. To add a backend, add it here. */
const LOADERS: Record<BackendName, () => Promise<Backend>> = {
  // The browser build puts another file in its place: see tsup.config.ts.
  cuda: async () => (await import('../../backends/cuda/backend.js')).cudaBackend,
  webgpu: () => Promise.resolve(webgpuBackend),
  wasm: () => Promise.resolve(wasmBackend),
};

const loaded = new Map<BackendName, Promise<Backend>>();

/**
 * The reason why a device failed its self-test, or undefined where it passed. The key is the object that describes the
 * device: a device that replaces another one has an object of its own, and is tested again.
 */
const verdicts = new WeakMap<DeviceInfo, Promise<string | undefined>>();

/**
 * Lists every backend, best first: those that run here with their devices, the others with the reason why not. A device
 * with a `reason` is not used, but keeps its index. Never rejects.
 */
export async function listBackends(): Promise<BackendReport[]> {
  const reports = await Promise.all(BACKEND_NAMES.map(report));
  return reports.sort((a, b) => rank(a) - rank(b));
}

/**
 * Opens a session: it puts a problem, or a batch of starts of it, into a backend's memory, where it can be iterated by
 * whole loops, by iterations and by kernels. The arrays are copied before the promise resolves, and never kept or changed.
 *
 * @throws {@link InvalidArgumentError} for an argument that cannot be used,
 * {@link BackendUnavailableError} where the backend cannot run,
 * {@link OutOfMemoryError} where the problem does not fit,
 * {@link DeviceLostError} and {@link DeviceFailedError} where the device fails. The promise rejects.
 *
 * ```ts
 * await using session = await createSession({ magnitudes, shape }, { algorithm: 'hio', seed: 1 });
 * await session.run(500);
 * const image = await session.readObject();
 * ```
 */
export function createSession(scan: Scan, options?: ScanSessionOptions): Promise<ScanSession>;
export function createSession(problem: Problem, options?: SessionOptions): Promise<Session>;
export async function createSession(
  problem: Problem | Scan,
  options: SessionOptions | ScanSessionOptions = {},
): Promise<Session | ScanSession> {
  return isScan(problem)
    ? createScanSession(problem, options as ScanSessionOptions)
    : createImageSession(problem, options as SessionOptions);
}

async function createScanSession(scan: Scan, options: ScanSessionOptions): Promise<ScanSession> {
  const settings = checkScanSessionOptions(options);
  const setup = prepareScan(scan, settings);
  const { backend, index } = await selectDevice(settings);
  setup.probe ??= await focusOf(await requireBackend('wasm'), setup);
  return openScanSession(backend, index, setup);
}

async function createImageSession(problem: Problem, options: SessionOptions): Promise<Session> {
  const settings = checkSessionOptions(options);
  const setup = prepare(problem, settings, options.start);
  const { backend, index } = await selectDevice(settings);
  return openSession(backend, index, setup);
}

/**
 * Adds the caller's own GPUDevice to the devices of the webgpu backend, and resolves with its index, for the option
 * `device`. The caller goes on owning it. The device's limits bound the size of images.
 *
 * @throws {@link InvalidArgumentError} for anything that is no GPUDevice, {@link BackendUnavailableError} for a device
 * that fails the self-test. The promise rejects.
 *
 * ```ts
 * const device = await addGPUDevice(await adapter.requestDevice());
 * const session = await createSession(problem, { backend: 'webgpu', device });
 * ```
 */
export async function addGPUDevice(device: GPUDeviceLike): Promise<number> {
  const index = await handInDevice(device);
  // Before it had this device, the backend may have been found unavailable.
  loaded.delete('webgpu');
  const examined = await examine('webgpu');
  const reason = typeof examined === 'string' ? examined : await whyNot(examined.backend, examined.devices, index);
  if (reason === undefined) return index;
  withdrawDevice(index, reason);
  throw new BackendUnavailableError(`device: ${reason}`, 'webgpu');
}

/** A device that has passed its self-test. */
export interface Selected {
  backend: Backend;
  index: number;
  device: DeviceInfo;
}

type Wanted = Pick<Settings, 'precision' | 'device'>;

/**
 * Selects the device that the settings name, or the first that works, on the backend that they name, or on the best one.
 * Rejects with a `BackendUnavailableError` that lists what was tried, and with an `InvalidArgumentError` for a precision
 * or a device that the backend does not have.
 */
export async function selectDevice({ backend, ...wanted }: Wanted & Pick<Settings, 'backend'>): Promise<Selected> {
  const name = backend === 'auto' ? environmentChoice() : backend;
  return name === 'auto' ? bestDevice(wanted) : namedDevice(name, wanted);
}

/** Selects what `selectDevice` does, or with `all` that device and all others of its backend that work and are its like. */
export async function selectDevices({
  device,
  ...wanted
}: Omit<Wanted, 'device'> & Pick<Settings, 'backend'> & Pick<RetrieveOptions, 'device'>): Promise<Selected[]> {
  const first = await selectDevice({ ...wanted, device: device === 'all' ? undefined : device });
  if (device !== 'all') return [first];
  const { backend } = first;
  const devices = await backend.devices();
  const selected: Selected[] = [];
  for (const [index, info] of devices.entries()) {
    const isAlike = Boolean(info.software) === Boolean(first.device.software);
    if (isAlike && (await whyNot(backend, devices, index)) === undefined)
      selected.push({ backend, index, device: info });
  }
  return selected;
}

/** Returns a backend that the library itself needs, whatever the user chose. */
export async function requireBackend(name: BackendName): Promise<Backend> {
  return (await namedDevice(name, { precision: 'double', device: undefined })).backend;
}

async function namedDevice(name: BackendName, wanted: Wanted): Promise<Selected> {
  const selected = await deviceOf(name, wanted);
  if (typeof selected !== 'string') return selected;
  const what = wanted.device === undefined ? `the ${name} backend` : `device ${wanted.device} of the ${name} backend`;
  throw new BackendUnavailableError(`${what} is not available: ${selected}`, name);
}

/**
 * Tries the hardware of every backend before any emulation of it, whose self-test takes seconds, and stops at the first
 * device that works, so that the backends behind it are not even loaded.
 */
async function bestDevice(wanted: Wanted): Promise<Selected> {
  const tried = new Set<string>();
  let outOfMemory: OutOfMemoryError | undefined;
  for (const software of [false, true]) {
    for (const name of BACKEND_NAMES) {
      const selected = await deviceOf(name, wanted, software).catch((error: unknown) => {
        if (error instanceof InvalidArgumentError && error.argument === 'precision')
          return `no ${wanted.precision} precision`;
        if (!(error instanceof OutOfMemoryError)) throw error;
        outOfMemory ??= error;
        return error.message;
      });
      if (typeof selected !== 'string') return selected;
      if (selected) tried.add(`${name}: ${selected}`);
    }
  }
  if (outOfMemory) throw outOfMemory;
  throw new BackendUnavailableError(`no backend is available here. Tried: ${[...tried].join('; ')}`);
}

/** The selected device, emulated or not where `software` says so, or the reason why there is none: '' if none is such. */
async function deviceOf(
  name: BackendName,
  { precision, device }: Wanted,
  software?: boolean,
): Promise<Selected | string> {
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
    if (software !== undefined && Boolean(devices[index].software) !== software) continue;
    const reason = await whyNot(backend, devices, index);
    if (reason === undefined) return { backend, index, device: devices[index] };
    reasons.push(reason);
  }
  return allOf(reasons);
}

async function report(name: BackendName): Promise<BackendReport> {
  const examined = await examine(name).catch(messageOf);
  if (typeof examined === 'string') return { name, available: false, reason: examined, devices: [] };
  const { backend, devices } = examined;
  const reasons = await Promise.all(devices.map((_, index) => whyNot(backend, devices, index).catch(messageOf)));
  if (!reasons.includes(undefined)) return { name, available: false, reason: allOf(reasons as string[]), devices: [] };
  const infos = devices.map((info, index) =>
    reasons[index] === undefined ? info : { ...info, reason: reasons[index] },
  );
  return { name, available: true, devices: infos };
}

/** The backend with its devices, or the reason why it has none. Rejects for want of memory. */
async function examine(name: BackendName): Promise<{ backend: Backend; devices: DeviceInfo[] } | string> {
  try {
    let loading = loaded.get(name);
    if (!loading) loaded.set(name, (loading = load(name)));
    const backend = await loading;
    return { backend, devices: await backend.devices() };
  } catch (error) {
    if (!(error instanceof OutOfMemoryError)) return messageOf(error);
    loaded.delete(name);
    throw error;
  }
}

/** Rejects where the backend has no devices, so that the loader remembers the failure. */
async function load(name: BackendName): Promise<Backend> {
  const backend = await LOADERS[name]();
  await backend.devices();
  return backend;
}

/** The reason why a device must not be used, or undefined where it passed its self-test. Rejects for want of memory. */
async function whyNot(backend: Backend, devices: readonly DeviceInfo[], index: number): Promise<string | undefined> {
  const info = devices[index];
  if (info.reason !== undefined) return info.reason;
  let verdict = verdicts.get(info);
  if (!verdict) verdicts.set(info, (verdict = selfTest(backend, index)));
  try {
    return await verdict;
  } catch (error) {
    verdicts.delete(info);
    throw error;
  }
}

/** Joins the reasons of devices; several devices get their numbers. */
function allOf(reasons: readonly string[]): string {
  return reasons.length < 2 ? reasons.join() : reasons.map((reason, index) => `device ${index}: ${reason}`).join('; ');
}

/** Software devices rank below the wasm backend, and unavailable backends below those. */
function rank({ name, available, devices }: BackendReport): number {
  const order = BACKEND_NAMES.indexOf(name);
  if (!available) return order + 2 * BACKEND_NAMES.length;
  const best = devices.find(({ reason }) => reason === undefined)!;
  return best.software ? order + BACKEND_NAMES.length : order;
}

/** The value of REPHASE_BACKEND in Node. It decides where the caller leaves the choice open. */
function environmentChoice(): BackendName | 'auto' {
  let choice: string | undefined;
  try {
    // Browsers have no process, although the types say so.
    const { process } = globalThis as { process?: { env?: NodeJS.ProcessEnv } };
    choice = process?.env?.REPHASE_BACKEND;
  } catch {
    // Deno shows the environment only to programs that are allowed to see it.
  }
  if (!choice) return 'auto';
  checkName('REPHASE_BACKEND', choice, [...BACKEND_NAMES, 'auto']);
  return choice as BackendName | 'auto';
}
