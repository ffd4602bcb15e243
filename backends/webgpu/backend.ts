/**
 * The webgpu backend: the adapter's device, made when first needed and again after it was lost, and devices that callers
 * hand in.
 */
import type { Backend } from '../../src/backend.js';
import { BackendUnavailableError, InvalidArgumentError, gotTakes } from '../../src/errors.js';
import type { DeviceInfo, GPUDeviceLike } from '../../src/types.js';
import { isNull } from './adapter.js';
import { Device } from './device.js';
import { WebGpuSession } from './session.js';

/** What an index stands for: it stays that of one device, or of one that is gone. */
interface Place {
  readonly info: DeviceInfo;
  /** Not kept once it is of no more use. */
  device?: Device;
  /** Why it is of none. */
  gone?: Error;
}

/** Callers' own, behind the adapter's where there was one when the first of them came. */
const handedIn: Place[] = [];
let own: Promise<Device> | undefined;
/** What was last known of the adapter's device; undefined where there never was one. */
let ownInfo: DeviceInfo | undefined;
/** 1 where index 0 is the adapter's device; decided once there are others behind it. */
let ownPlaces: 0 | 1 | undefined;

export const webgpuBackend: Backend = {
  name: 'webgpu',
  precisions: ['single'],
  onCallingThread: false,
  devices: async () => {
    const places = await countOwn();
    if (places === 1) await ownDevice().catch(keepPlace);
    const others = handedIn.map(({ info }) => info);
    return places === 1 ? [ownInfo!, ...others] : others;
  },
  createSession: async (problem, index) => WebGpuSession.create(await deviceAt(index), problem),
};

/** Adds a GPUDevice of the caller's, who goes on owning it; resolves with what is known of it. */
export function handInDevice(given: GPUDeviceLike): DeviceInfo {
  if (!isGpuDevice(given)) throw new InvalidArgumentError('device', gotTakes('device', given, 'a GPUDevice'));
  // Browsers got it later than the rest.
  const info = 'adapterInfo' in given ? given.adapterInfo : undefined;
  if (isNull(info)) {
    throw new BackendUnavailableError('device: it is of the null adapter, which computes nothing', 'webgpu');
  }
  const known = handedIn.find(({ device }) => device?.gpu === given);
  if (known) return known.info;
  const device = new Device(given, info);
  const place: Place = { info: device.info, device };
  handedIn.push(place);
  void device.whenLost.then((lost) => withdraw(place, lost));
  return place.info;
}

/** Forgets a device that was handed in and is of no use; its index is not given to another. */
export function withdrawDevice(info: DeviceInfo, why: Error): void {
  const place = handedIn.find((known) => known.info === info);
  if (place) withdraw(place, why);
}

function withdraw(place: Place, why: Error): void {
  place.gone ??= why;
  delete place.device;
}

function isGpuDevice(given: unknown): given is GPUDevice {
  const needed = ['createBuffer', 'createComputePipelineAsync', 'queue', 'limits', 'lost'];
  return typeof given === 'object' && given !== null && needed.every((name) => name in given);
}

async function deviceAt(index: number): Promise<Device> {
  const places = await countOwn();
  if (index < places) return ownDevice();
  const { device, gone } = handedIn[index - places];
  if (!device) throw gone!;
  return device;
}

/** Rejects where there is no device at all. */
async function countOwn(): Promise<0 | 1> {
  if (ownPlaces !== undefined) return ownPlaces;
  const found = await ownDevice().then(
    () => 1 as const,
    (error: unknown) => {
      if (handedIn.length === 0 && !ownInfo) throw error;
      return ownInfo ? (1 as const) : (0 as const);
    },
  );
  if (handedIn.length > 0) ownPlaces ??= found;
  return ownPlaces ?? found;
}

/** Devices behind the adapter's keep their indices while it is away. */
function keepPlace(error: unknown): void {
  if (handedIn.length === 0) throw error;
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
