/**
 * One GPU as sessions use it: its limits, its compiled kernels, the tables of constants that sessions share, and whether
 * it still works. Sessions own their buffers; nothing of a session is kept here.
 */
import { DeviceLostError, OutOfMemoryError, RephaseError } from '../../src/errors.js';
import type { DeviceInfo } from '../../src/types.js';
import { isSoftware, requestAdapter } from './adapter.js';
import type { Sign } from './butterflies.js';
import { Pipelines } from './pipelines.js';
import type { Factors, LineLimits } from './plan.js';
import { makeTable } from './tables.js';

/** What larger images and faster transforms take, where the adapter has it. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** minUniformBufferOffsetAlignment of every device. */
const UNIFORM_ALIGNMENT = 256;

/** How long a failed operation waits for the news that the device was lost, which tells why. */
const LOSS_MILLISECONDS = 200;

export class Device {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  readonly pipelines: Pipelines;
  /** Set from the moment the device does not work any more. */
  lost: DeviceLostError | undefined;
  readonly #loss: Promise<unknown>;
  readonly #tables = new Map<string, GPUBuffer>();
  #numbers: GPUBuffer | undefined;
  /** The first error that no scope was there for: a defect, after which no result is to be trusted. */
  #uncaptured: Error | undefined;

  /** A device of our own, with the limits we use and no more than the adapter has. */
  static async request(): Promise<Device> {
    const adapter = await requestAdapter();
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const device = new Device(await adapter.requestDevice({ label: 'rephase', requiredLimits }), adapter.info);
    device.gpu.addEventListener('uncapturederror', (event) => {
      // Browsers would print it.
      event.preventDefault();
      device.#uncaptured ??= device.typed(event.error, NaN);
    });
    return device;
  }

  /** Takes a device that is somebody else's, or ours from `request`. */
  constructor(gpu: GPUDevice, info: GPUAdapterInfo | undefined) {
    this.gpu = gpu;
    this.pipelines = new Pipelines(gpu);
    this.info = describe(gpu, info);
    this.#loss = gpu.lost.then(({ message, reason }) => {
      const why = message || reason || 'no reason given';
      this.lost = new DeviceLostError(`the WebGPU device was lost (${why}); create a new session`);
    });
  }

  get lineLimits(): LineLimits {
    const { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX } =
      this.gpu.limits;
    return {
      storageBytes: maxComputeWorkgroupStorageSize,
      invocations: Math.min(maxComputeInvocationsPerWorkgroup, maxComputeWorkgroupSizeX),
    };
  }

  requireWorking(): void {
    if (this.lost) throw this.lost;
    if (this.#uncaptured) throw this.#uncaptured;
  }

  /** Runs work that may fail on the device; its failures come out as typed errors. */
  async guard<T>(work: () => Promise<T>, requiredBytes = NaN): Promise<T> {
    this.requireWorking();
    const { gpu } = this;
    const filters = ['validation', 'out-of-memory', 'internal'] as const;
    filters.forEach((filter) => gpu.pushErrorScope(filter));
    // Scopes are a stack of calls, not of promises: only what `work` does before its first await is watched.
    const result = work();
    const scopes = filters.map(() => gpu.popErrorScope());
    try {
      const [value, ...errors] = await Promise.all([result, ...scopes]);
      const error = errors.find((found) => found !== null);
      if (error) throw this.typed(error, requiredBytes);
      return value;
    } catch (error) {
      result.catch(() => undefined);
      scopes.forEach((scope) => void scope.catch(() => undefined));
      throw await this.explain(error);
    }
  }

  /** An error of WebGPU's as one of ours. */
  typed(error: GPUError, requiredBytes: number): Error {
    if (/out.of.memory|allocat/i.test(`${error.constructor.name} ${error.message}`)) {
      const message = `the WebGPU device has too little memory for ${requiredBytes} bytes: ${error.message}`;
      return new OutOfMemoryError(message, requiredBytes, NaN);
    }
    return new Error(`the WebGPU device refused what rephase asked of it, a defect of rephase: ${error.message}`);
  }

  /** What failed because the device was lost, says so. */
  async explain(error: unknown): Promise<unknown> {
    if (error instanceof RephaseError) return error;
    await Promise.race([this.#loss, new Promise((resolve) => setTimeout(resolve, LOSS_MILLISECONDS))]);
    return this.lost ?? error;
  }

  /** The constants of a transform, made when first needed and kept as long as the device. */
  table(factors: Factors, first: Sign): GPUBuffer {
    const key = `${factors.length} ${factors.padded} ${factors.radices.join(' ')} ${first}`;
    let buffer = this.#tables.get(key);
    if (!buffer) {
      const table = makeTable(factors, first);
      buffer = this.gpu.createBuffer({
        label: `twiddles of ${factors.length}`,
        size: table.byteLength,
        usage: GPU_BUFFER.STORAGE | GPU_BUFFER.COPY_DST,
      });
      this.gpu.queue.writeBuffer(buffer, 0, table);
      this.#tables.set(key, buffer);
    }
    return buffer;
  }

  /** A binding of a uniform that holds a multiple of 8 below 2048. */
  number(value: number): GPUBufferBinding {
    this.#numbers ??= this.#makeNumbers();
    return { buffer: this.#numbers, offset: (value / 8) * UNIFORM_ALIGNMENT, size: 16 };
  }

  #makeNumbers(): GPUBuffer {
    const stride = UNIFORM_ALIGNMENT / 4;
    const numbers = Uint32Array.from({ length: 256 * stride }, (_, i) => (i % stride === 0 ? (i / stride) * 8 : 0));
    const usage = GPU_BUFFER.UNIFORM | GPU_BUFFER.COPY_DST;
    const buffer = this.gpu.createBuffer({ label: 'numbers', size: numbers.byteLength, usage });
    this.gpu.queue.writeBuffer(buffer, 0, numbers);
    return buffer;
  }

  destroy(): void {
    this.gpu.destroy();
  }
}

/** GPUBufferUsage, which Node does not have as a global. */
export const GPU_BUFFER = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, UNIFORM: 64, STORAGE: 128 } as const;

function describe({ limits }: GPUDevice, info: GPUAdapterInfo | undefined): DeviceInfo {
  const [vendor = '', architecture = ''] = [info?.vendor, info?.architecture];
  const name = info?.device || info?.description || [vendor, architecture].filter(Boolean).join(' ') || 'GPU';
  return {
    name,
    software: isSoftware(info),
    details: {
      ...(vendor && { vendor }),
      ...(architecture && { architecture }),
      ...(info?.description && info.description !== name && { driver: info.description }),
      'workgroup storage': limits.maxComputeWorkgroupStorageSize,
      invocations: limits.maxComputeInvocationsPerWorkgroup,
      'largest buffer': Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize),
    },
  };
}
