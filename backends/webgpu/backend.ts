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

/** Callers' own, behind the adapter's. */
const handedIn: Device[] = [];
let own: Promise<Device> | undefined;

export const webgpuBackend: Backend = {
  name: 'webgpu',
  precisions: ['single'],
  onCallingThread: false,
  devices: async () => (await allDevices()).map(({ info }) => info),
  createSession: async (problem, device) => WebGpuSession.create((await allDevices())[device], problem),
};

/** Adds a GPUDevice of the caller's, who goes on owning it; resolves with what is known of it. */
export function handInDevice(given: GPUDeviceLike): DeviceInfo {
  if (!isGpuDevice(given)) throw new InvalidArgumentError('device', gotTakes('device', given, 'a GPUDevice'));
  // Browsers got it later than the rest.
  const info = 'adapterInfo' in given ? given.adapterInfo : undefined;
  if (isNull(info)) {
    throw new BackendUnavailableError('device: it is of the null adapter, which computes nothing', 'webgpu');
  }
  const device = handedIn.find((known) => known.gpu === given) ?? new Device(given, info);
  if (!handedIn.includes(device)) handedIn.push(device);
  return device.info;
}

function isGpuDevice(given: unknown): given is GPUDevice {
  const needed = ['createBuffer', 'createComputePipelineAsync', 'queue', 'limits', 'lost'];
  return typeof given === 'object' && given !== null && needed.every((name) => name in given);
}

async function allDevices(): Promise<Device[]> {
  try {
    return [await ownDevice(), ...handedIn];
  } catch (error) {
    if (handedIn.length > 0) return handedIn;
    throw error;
  }
}

async function ownDevice(): Promise<Device> {
  own ??= Device.request();
  const device = await own.catch((error: unknown) => {
    own = undefined;
    throw error;
  });
  if (!device.lost) return device;
  own = undefined;
  return ownDevice();
}
