/**
 * The webgpu backend: the adapter's device, made when first needed and again after it was lost, and devices that callers
 * hand in.
 */
import type { Backend } from '../../src/backends/interface.js';
import { BackendUnavailableError, DeviceLostError, InvalidArgumentError, gotTakes } from '../../src/errors.js';
import type { DeviceInfo, GPUDeviceLike } from '../../src/types.js';
import { isNull } from './adapter.js';
import { Device } from './device.js';
import { WebGpuSession } from './session.js';

/** A device of a caller's, or what is known of one that is gone: it keeps its index. */
interface Place {
  info: DeviceInfo;
  device?: Device;
}

/** Behind the adapter's device, where there is one. */
const handedIn: Place[] = [];
let own: Promise<Device> | undefined;
/** What was last known of the adapter's device; undefined where there never was one. */
let ownInfo: DeviceInfo | undefined;
/** Whether index 0 is the adapter's device: decided when the first of the callers' comes. */
let ownFirst: boolean | undefined;

export const webgpuBackend: Backend = {
  name: 'webgpu',
  precisions: ['single'],
  onCallingThread: false,
  devices: async () => {
    const first = (await hasOwn()) ? [await describeOwn()] : [];
    return [...first, ...handedIn.map(({ info }) => info)];
  },
  createSession: async (problem, index) => WebGpuSession.create(await deviceAt(index), problem),
};

/** Adds a GPUDevice of the caller's, who goes on owning it; resolves with its index. */
export async function handInDevice(given: GPUDeviceLike): Promise<number> {
  if (!isGpuDevice(given)) throw new InvalidArgumentError('device', gotTakes('device', given, 'a GPUDevice'));
  // Browsers got it later than the rest.
  const info = 'adapterInfo' in given ? given.adapterInfo : undefined;
  if (isNull(info)) {
    throw new BackendUnavailableError('device: it is of the null adapter, which computes nothing', 'webgpu');
  }
  ownFirst ??= await hasOwn().catch(() => false);
  const known = handedIn.findIndex(({ device }) => device?.gpu === given);
  if (known >= 0) return Number(ownFirst) + known;
  const device = new Device(given, info);
  const index = Number(ownFirst) + handedIn.push({ info: device.info, device }) - 1;
  void given.lost.then(({ message, reason }) => withdrawDevice(index, `it was lost (${message || reason})`));
  return index;
}

/** Forgets a device that was handed in and is of no use; its index is not given to another. */
export function withdrawDevice(index: number, reason: string): void {
  const place = handedIn[index - Number(ownFirst)];
  if (!place.device) return;
  place.info = { ...place.info, reason };
  delete place.device;
}

function isGpuDevice(given: unknown): given is GPUDevice {
  const needed = ['createBuffer', 'createComputePipelineAsync', 'queue', 'limits', 'lost'];
  return typeof given === 'object' && given !== null && needed.every((name) => name in given);
}

async function deviceAt(index: number): Promise<Device> {
  const first = Number(await hasOwn());
  if (index < first) return ownDevice();
  const { device, info } = handedIn[index - first];
  if (!device) throw new DeviceLostError(`device ${index} cannot be used: ${info.reason}`);
  return device;
}

/** Whether there is, or was, a device of the adapter's. Rejects where there is no device at all. */
async function hasOwn(): Promise<boolean> {
  if (ownFirst !== undefined) return ownFirst;
  if (!ownInfo) await ownDevice();
  return true;
}

async function describeOwn(): Promise<DeviceInfo> {
  return ownDevice().then(
    ({ info }) => info,
    (error: Error) => ({ ...ownInfo!, reason: error.message }),
  );
}

async function ownDevice(): Promise<Device> {
  own ??= Device.request();
  const requested = own;
  const device = await requested.catch((error: unknown) => {
    if (own === requested) own = undefined;
    throw error;
  });
  if (!device.broken) {
    ownInfo = device.info;
    return device;
  }
  if (own === requested) own = undefined;
  return ownDevice();
}
