/**
 * One GPU as sessions use it: its limits, its compiled kernels, the tables of constants that sessions share, and whether
 * it still works. It keeps nothing of a session; sessions own their buffers.
 */
import { DeviceFailedError, DeviceLostError, OutOfMemoryError, RephaseError } from '../../../src/errors.js';
import type { DeviceInfo } from '../../../src/types.js';
import { isSoftware, requestAdapter } from './adapter.js';
import type { Sign } from '../wgsl/butterflies.js';
import type { Kernel } from '../wgsl/kernel.js';
import { LruCache } from './lru-cache.js';
import { Pipelines, type CompiledKernel } from './pipelines.js';
import type { Factors, LineLimits } from '../wgsl/plan.js';
import { makeTable } from '../wgsl/tables.js';

/** Limits that allow larger images and faster transforms, requested as high as the adapter has them. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** minUniformBufferOffsetAlignment of every device. */
const UNIFORM_ALIGNMENT = 256;

/** Upper bound on cached twiddle tables. A table for 8192 points takes 20 KiB; the longest take about 100 MiB. */
const MOST_TABLE_BYTES = 2 ** 26;

/** The error scopes around each request, outermost first. */
const FILTERS = ['validation', 'out-of-memory', 'internal'] as const;

/** How long a failed operation waits for the loss of the device to be reported, which would be its cause. */
const LOSS_MILLISECONDS = 200;

export class Device {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  readonly pipelines: Pipelines;
  /** Set once the device was lost. */
  lost: DeviceLostError | undefined;
  readonly whenLost: Promise<DeviceLostError>;
  readonly #tables = new LruCache<GPUBuffer>(MOST_TABLE_BYTES);
  #numbers: GPUBuffer | undefined;
  /** Error scopes whose result has not arrived yet. */
  readonly #scopes = new Set<Promise<unknown>>();
  /** The first error outside all error scopes: a defect, after which no result can be trusted. */
  #uncaptured: Error | undefined;
  readonly #giveUp = (error: Error) => {
    this.#uncaptured ??= error;
  };

  /** A device of the adapter, with the limits that are useful here. */
  static async request(): Promise<Device> {
    const adapter = await requestAdapter();
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const device = new Device(await adapter.requestDevice({ label: 'rephase', requiredLimits }), adapter.info);
    device.gpu.addEventListener('uncapturederror', (event) => {
      // Otherwise browsers print it.
      event.preventDefault();
      device.#giveUp(typed('validation', event.error, NaN));
    });
    return device;
  }

  /** Takes a caller's device, or the one of `request`. */
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

  /** The error that keeps sessions from using the device; undefined while it works. */
  get broken(): Error | undefined {
    return this.lost ?? this.#uncaptured;
  }

  requireWorking(): void {
    if (this.broken) throw this.broken;
  }

  /**
   * Runs `work`, which asks WebGPU for something. WebGPU reports errors later: `onError` gets them, and `reported` waits
   * for that. Only what `work` does before its first await is watched, since scopes are a stack of calls and not of
   * promises.
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

  /** Resolves when all errors of what was asked so far have been reported. */
  async reported(): Promise<void> {
    await Promise.all(this.#scopes);
  }

  /** `watch` for work that is awaited. Rejects with a typed error. */
  async guard<T>(work: () => Promise<T>): Promise<T> {
    const failures: Error[] = [];
    try {
      const value = await this.watch(work, (error) => failures.push(error));
      await this.reported();
      if (failures.length === 0) return value;
    } catch (error) {
      await this.reported();
      failures.push(error as Error);
    }
    throw await this.explain(failures[0]);
  }

  /** The typed error for what WebGPU rejected; the loss of the device where that was the cause. */
  async explain(error: unknown): Promise<unknown> {
    if (error instanceof RephaseError || error instanceof TypeError) return this.lost ?? error;
    await Promise.race([this.whenLost, new Promise((resolve) => setTimeout(resolve, LOSS_MILLISECONDS))]);
    return this.lost ?? failed(error);
  }

  /** The kernel of this key, compiled at once where it is new. One that fails is not kept. */
  compileNow(key: string, write: () => Kernel, onError: (error: Error) => void): CompiledKernel {
    const forget = (error: Error) => {
      this.pipelines.forget(key);
      onError(error);
    };
    return this.watch(() => this.pipelines.compileNow(key, write), forget);
  }

  /** A bind group of the kernel; the order of resources is that of its bindings. */
  bindGroup(
    { layout }: CompiledKernel,
    resources: GPUBindingResource[],
    onError: (error: Error) => void,
  ): GPUBindGroup {
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    return this.watch(() => this.gpu.createBindGroup({ layout, entries }), onError);
  }

  /** The constants of a transform, made when first needed. They stay valid for those who hold them. */
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

  /** Uploads the numbers of `number`, so that nothing has to be uploaded later. */
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

/** The typed error for one that was caught in a scope. */
function typed(filter: GPUErrorFilter, { message }: GPUError, requiredBytes: number): Error {
  if (filter !== 'out-of-memory') {
    return new DeviceFailedError(`the WebGPU device refused what rephase asked of it, a defect of rephase: ${message}`);
  }
  const wanted = Number.isNaN(requiredBytes) ? '' : ` for ${requiredBytes} bytes`;
  return new OutOfMemoryError(`the WebGPU device has too little memory${wanted}: ${message}`, requiredBytes, NaN);
}

/** The typed error for what WebGPU threw or rejected with. */
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
