/**
 * One GPU as sessions use it: its limits, its compiled kernels, the tables of constants that sessions share, and whether
 * it still works. Sessions own their buffers; nothing of a session is kept here.
 */
import { DeviceFailedError, DeviceLostError, OutOfMemoryError, RephaseError } from '../../src/errors.js';
import type { DeviceInfo } from '../../src/types.js';
import { isSoftware, requestAdapter } from './adapter.js';
import type { Sign } from './butterflies.js';
import type { Kernel } from './kernel.js';
import { Pipelines, type CompiledKernel } from './pipelines.js';
import type { Factors, LineLimits } from './plan.js';
import { Recent } from './recent.js';
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

/** Of tables that are kept; those of 8192 points take 20 KiB, of the longest lines 100 MiB. */
const MOST_TABLE_BYTES = 2 ** 26;

/** Of the scopes around what is asked, outermost first. */
const FILTERS = ['validation', 'out-of-memory', 'internal'] as const;

/** How long a failed operation waits for the news that the device was lost, which tells why. */
const LOSS_MILLISECONDS = 200;

export class Device {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  readonly pipelines: Pipelines;
  /** Set from the moment the device does not work any more. */
  lost: DeviceLostError | undefined;
  readonly whenLost: Promise<DeviceLostError>;
  readonly #tables = new Recent<GPUBuffer>(MOST_TABLE_BYTES);
  #numbers: GPUBuffer | undefined;
  /** Outcomes that are not known yet of what was asked. */
  readonly #scopes = new Set<Promise<unknown>>();
  /** The first error that no session was there for: a defect, after which no result is to be trusted. */
  #uncaptured: Error | undefined;
  readonly #giveUp = (error: Error) => {
    this.#uncaptured ??= error;
  };

  /** A device of our own, with the limits we use and no more than the adapter has. */
  static async request(): Promise<Device> {
    const adapter = await requestAdapter();
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const device = new Device(await adapter.requestDevice({ label: 'rephase', requiredLimits }), adapter.info);
    device.gpu.addEventListener('uncapturederror', (event) => {
      // Browsers would print it.
      event.preventDefault();
      device.#giveUp(typed('validation', event.error, NaN));
    });
    return device;
  }

  /** Takes a device that is somebody else's, or ours from `request`. */
  constructor(gpu: GPUDevice, info: GPUAdapterInfo | undefined) {
    this.gpu = gpu;
    this.pipelines = new Pipelines(gpu);
    this.info = describe(gpu, info);
    this.whenLost = gpu.lost.then(({ message, reason }) => {
      const why = message || reason || 'no reason given';
      this.lost = new DeviceLostError(`the WebGPU device was lost (${why}); create a new session`);
      return this.lost;
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

  /** Why no session can use the device any more. */
  get broken(): Error | undefined {
    return this.lost ?? this.#uncaptured;
  }

  requireWorking(): void {
    if (this.broken) throw this.broken;
  }

  /**
   * Runs `work`, which asks WebGPU for something. What was wrong with it becomes known later, on the device's own time:
   * `onError` gets it as soon as it is, and `settled` waits for that. Only what `work` does before its first await is
   * watched, since scopes are a stack of calls and not of promises.
   */
  watch<T>(work: () => T, onError: (error: Error) => void, requiredBytes = NaN): T {
    this.requireWorking();
    FILTERS.forEach((filter) => this.gpu.pushErrorScope(filter));
    try {
      return work();
    } finally {
      for (const filter of [...FILTERS].reverse()) {
        const scope = this.gpu.popErrorScope().then(
          (error) => error && onError(typed(filter, error, requiredBytes)),
          (error: unknown) => onError(failed(error)),
        );
        this.#scopes.add(scope);
        void scope.finally(() => this.#scopes.delete(scope));
      }
    }
  }

  /** Resolves when everything that was wrong with what was asked so far has been reported. */
  async settled(): Promise<void> {
    await Promise.all(this.#scopes);
  }

  /** `watch` for work that is waited for; its failures come out as typed errors. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    const failures: Error[] = [];
    try {
      const value = await this.watch(work, (error) => failures.push(error));
      await this.settled();
      if (failures.length === 0) return value;
    } catch (error) {
      await this.settled();
      failures.push(error as Error);
    }
    throw await this.explain(failures[0]);
  }

  /** The typed error for what WebGPU rejected; where that was because the device was lost, it says so. */
  async explain(error: unknown): Promise<unknown> {
    if (error instanceof RephaseError || error instanceof TypeError) return this.lost ?? error;
    await Promise.race([this.whenLost, new Promise((resolve) => setTimeout(resolve, LOSS_MILLISECONDS))]);
    return this.lost ?? failed(error);
  }

  /** The kernel of this key, compiled at once where it is new; one that failed is not kept. */
  compileNow(key: string, write: () => Kernel, onError: (error: Error) => void): CompiledKernel {
    const forget = (error: Error) => {
      this.pipelines.forget(key);
      onError(error);
    };
    return this.watch(() => this.pipelines.compileNow(key, write), forget);
  }

  /** The constants of a transform, made when first needed. Whoever holds one may go on using it. */
  table(factors: Factors, first: Sign, onError = this.#giveUp): GPUBuffer {
    const key = `${factors.length} ${factors.padded} ${factors.radices.join(' ')} ${first}`;
    let buffer = this.#tables.get(key);
    if (!buffer) {
      const forget = (error: Error) => {
        this.#tables.delete(key);
        onError(error);
      };
      const usage = GPU_BUFFER.STORAGE | GPU_BUFFER.COPY_DST;
      buffer = this.#constant(`twiddles of ${factors.length}`, makeTable(factors, first), usage, forget);
      this.#tables.set(key, buffer, buffer.size);
    }
    return buffer;
  }

  /** A binding of a uniform that holds a multiple of 8 below 2048. */
  number(value: number): GPUBufferBinding {
    return { buffer: this.#numbers!, offset: (value / 8) * UNIFORM_ALIGNMENT, size: 16 };
  }

  /** Makes what `number` gives out, so that nothing has to be uploaded later. */
  prepareNumbers(onError: (error: Error) => void): void {
    if (this.#numbers) return;
    const stride = UNIFORM_ALIGNMENT / 4;
    const numbers = Uint32Array.from({ length: 256 * stride }, (_, i) => (i % stride === 0 ? (i / stride) * 8 : 0));
    const forget = (error: Error) => {
      this.#numbers = undefined;
      onError(error);
    };
    this.#numbers = this.#constant('numbers', numbers, GPU_BUFFER.UNIFORM | GPU_BUFFER.COPY_DST, forget);
  }

  #constant(
    label: string,
    data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
    usage: number,
    onError: (error: Error) => void,
  ): GPUBuffer {
    const make = () => {
      const buffer = this.gpu.createBuffer({ label, size: data.byteLength, usage });
      this.gpu.queue.writeBuffer(buffer, 0, data);
      return buffer;
    };
    return this.watch(make, onError, data.byteLength);
  }
}

/** An error of WebGPU's as one of ours, by which scope it was caught in. */
function typed(filter: GPUErrorFilter, { message }: GPUError, requiredBytes: number): Error {
  if (filter !== 'out-of-memory') {
    return new DeviceFailedError(`the WebGPU device refused what rephase asked of it, a defect of rephase: ${message}`);
  }
  const wanted = Number.isNaN(requiredBytes) ? '' : ` for ${requiredBytes} bytes`;
  return new OutOfMemoryError(`the WebGPU device has too little memory${wanted}: ${message}`, requiredBytes, NaN);
}

/** What WebGPU threw or rejected with, as one of ours. */
function failed(cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DeviceFailedError(`the WebGPU device failed: ${why}`, { cause });
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
