/**
 * The webgpu backend: the adapter's device, requested when first needed and again after it was lost, and devices that
 * callers hand in.
 */
import type { Backend } from '../../src/backends/interface.js';
import { BackendUnavailableError, DeviceLostError, InvalidArgumentError, gotTakes } from '../../src/errors.js';
import type { DeviceInfo, GPUDeviceLike } from '../../src/types.js';
import { isNull } from './device/adapter.js';
import { Device } from './device/device.js';
import { WebGpuScanSession } from './scan/session.js';
import { WebGpuSession } from './session.js';

/** A caller's device. One that is lost keeps its slot, and with it its index, without the device. */
interface DeviceSlot {
  info: DeviceInfo;
  device?: Device;
}

/** Their indices follow that of the adapter's device, where there is one. */
const callersDevices: DeviceSlot[] = [];
let adapterDevice: Promise<Device> | undefined;
/** What was last known of the adapter's device; undefined if there never was one. */
let adapterInfo: DeviceInfo | undefined;
/** Whether index 0 is the adapter's device. Decided when the first caller's device comes. */
let adapterFirst: boolean | undefined;

export const webgpuBackend: Backend = {
  name: 'webgpu',
  precisions: ['single'],
  onCallingThread: false,
  devices: async () => {
    const first = (await hasAdapterDevice()) ? [await describeAdapterDevice()] : [];
    return [...first, ...callersDevices.map(({ info }) => info)];
  },
  createSession: async (problem, index) => WebGpuSession.create(await deviceAt(index), problem),
  createScanSession: async (scan, index) => WebGpuScanSession.create(await deviceAt(index), scan),
};

/** Adds a caller's GPUDevice, which stays the caller's; resolves with its index. */
export async function handInDevice(input: GPUDeviceLike): Promise<number> {
  if (!isGpuDevice(input)) throw new InvalidArgumentError('device', gotTakes('device', input, 'a GPUDevice'));
  // Older browsers do not have it.
  const info = 'adapterInfo' in input ? input.adapterInfo : undefined;
  if (isNull(info)) {
    throw new BackendUnavailableError('device: it is of the null adapter, which computes nothing', 'webgpu');
  }
  adapterFirst ??= await hasAdapterDevice().catch(() => false);
  const known = callersDevices.findIndex(({ device }) => device?.gpu === input);
  if (known >= 0) return Number(adapterFirst) + known;
  const device = new Device(input, info);
  const index = Number(adapterFirst) + callersDevices.push({ info: device.info, device }) - 1;
  void input.lost.then(({ message, reason }) => withdrawDevice(index, `it was lost (${message || reason})`));
  return index;
}

/** Drops a caller's device that cannot be used. No other device gets its index. */
export function withdrawDevice(index: number, reason: string): void {
  const slot = callersDevices[index - Number(adapterFirst)];
  if (!slot.device) return;
  slot.info = { ...slot.info, reason };
  delete slot.device;
}

function isGpuDevice(input: unknown): input is GPUDevice {
  const needed = ['createBuffer', 'createComputePipelineAsync', 'queue', 'limits', 'lost'];
  return typeof input === 'object' && input !== null && needed.every((name) => name in input);
}

async function deviceAt(index: number): Promise<Device> {
  const first = Number(await hasAdapterDevice());
  if (index < first) return requireAdapterDevice();
  const { device, info } = callersDevices[index - first];
  if (!device) throw new DeviceLostError(`device ${index} cannot be used: ${info.reason}`);
  return device;
}

/** Whether the adapter has, or had, a device. Rejects where there is no device at all. */
async function hasAdapterDevice(): Promise<boolean> {
  if (adapterFirst !== undefined) return adapterFirst;
  if (!adapterInfo) await requireAdapterDevice();
  return true;
}

async function describeAdapterDevice(): Promise<DeviceInfo> {
  return requireAdapterDevice().then(
    ({ info }) => info,
    (error: Error) => ({ ...adapterInfo!, reason: error.message }),
  );
}

/** A request that failed is not kept, and a device that broke is replaced. */
async function requireAdapterDevice(): Promise<Device> {
  const requested = (adapterDevice ??= Device.request());
  const device = await requested.catch(() => undefined);
  if (device && !device.broken) {
    adapterInfo = device.info;
    return device;
  }
  if (adapterDevice === requested) adapterDevice = undefined;
  return device ? requireAdapterDevice() : requested;
}
