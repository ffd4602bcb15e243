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
import { compile, compileNow, type CompiledKernel } from './pipelines.js';
import type { Factors } from '../wgsl/plan.js';
import { makeTable, tableBytes } from '../wgsl/tables.js';

/** Limits that allow larger images and faster transforms, requested as high as the adapter has them. */
const WANTED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** An image has about ten kernels. */
const MOST_KERNELS = 512;

/** Upper bound on cached twiddle tables. A table for 8192 points takes 20 KiB; the longest take about 100 MiB. */
const MOST_TABLE_BYTES = 2 ** 26;

/** The error scopes around each request, outermost first. */
const FILTERS = ['validation', 'out-of-memory', 'internal'] as const;

/** How long a failed operation waits for the loss of the device to be reported, which would be its cause. */
const LOSS_MILLISECONDS = 200;

export class Device {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  /** Set once the device was lost. */
  lost: DeviceLostError | undefined;
  readonly whenLost: Promise<DeviceLostError>;
  readonly #kernels = new LruCache<CompiledKernel>(MOST_KERNELS);
  readonly #compiling = new Map<string, Promise<CompiledKernel>>();
  readonly #tables = new LruCache<GPUBuffer>(MOST_TABLE_BYTES);
  /** Error scopes whose result has not arrived yet. */
  readonly #scopes = new Set<Promise<unknown>>();
  /** The first error outside all error scopes: a defect, after which no result can be trusted. */
  #uncaptured: Error | undefined;

  /** A device of the adapter, with the limits that are useful here. */
  static async request(): Promise<Device> {
    const adapter = await requestAdapter();
    const requiredLimits = Object.fromEntries(WANTED_LIMITS.map((name) => [name, adapter.limits[name]]));
    const device = new Device(await adapter.requestDevice({ label: 'rephase', requiredLimits }), adapter.info);
    device.gpu.addEventListener('uncapturederror', (event) => {
      // Otherwise browsers print it.
      event.preventDefault();
      device.#uncaptured ??= typed('validation', event.error, NaN);
    });
    return device;
  }

  /** Takes a caller's device, or the one of `request`. */
  constructor(gpu: GPUDevice, info: GPUAdapterInfo | undefined) {
    this.gpu = gpu;
    this.info = describe(gpu, info);
    this.whenLost = gpu.lost.then(({ message, reason }) => {
      const why = message || reason || 'no reason given';
      this.lost = new DeviceLostError(`the WebGPU device was lost (${why}); create a new session`);
      return this.lost;
    });
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
   * promises. `requiredBytes` is asked when memory was too little.
   */
  watch<T>(work: () => T, onError: (error: Error) => void, requiredBytes = () => NaN): T {
    this.requireWorking();
    FILTERS.forEach((filter) => this.gpu.pushErrorScope(filter));
    try {
      return work();
    } finally {
      for (const filter of [...FILTERS].reverse()) {
        const scope = this.gpu.popErrorScope().then(
          (error) => error && onError(typed(filter, error, requiredBytes())),
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

  /** The typed error for what WebGPU rejected; the loss of the device where that was the cause. */
  async explain(error: unknown): Promise<unknown> {
    if (error instanceof RephaseError || error instanceof TypeError) return this.lost ?? error;
    await Promise.race([this.whenLost, new Promise((resolve) => setTimeout(resolve, LOSS_MILLISECONDS))]);
    return this.lost ?? failed(error);
  }

  /** Compiles a kernel in the background. `key` tells it from all others; `write` is called only for a new one. */
  async compile(key: string, write: () => Kernel): Promise<CompiledKernel> {
    const known = this.#kernels.get(key) ?? this.#compiling.get(key);
    if (known) return known;
    const compiling = compile(this.gpu, key, write())
      .then((kernel) => this.#kernels.set(key, kernel, 1))
      .finally(() => this.#compiling.delete(key));
    this.#compiling.set(key, compiling);
    return compiling;
  }

  /** The kernel of this key, compiled at once where it is new. */
  compileNow(key: string, write: () => Kernel, onError: (error: Error) => void): CompiledKernel {
    return this.#cached(this.#kernels, key, () => compileNow(this.gpu, key, write()), onError);
  }

  /** The constants of a transform, made when first needed. They stay valid for those who hold them. */
  table(factors: Factors, first: Sign, onError: (error: Error) => void): GPUBuffer {
    const size = tableBytes(factors);
    const make = () => {
      const usage = GPU_BUFFER.STORAGE | GPU_BUFFER.COPY_DST;
      const buffer = this.gpu.createBuffer({ label: `twiddles of ${factors.length}`, size, usage });
      this.gpu.queue.writeBuffer(buffer, 0, makeTable(factors, first));
      return buffer;
    };
    return this.#cached(this.#tables, `${factors.length} ${first}`, make, onError, size);
  }

  /** What a cache keeps under this key, made where it is new. What fails is not kept. `bytes`: its weight, if not 1. */
  #cached<T>(cache: LruCache<T>, key: string, make: () => T, onError: (error: Error) => void, bytes?: number): T {
    const known = cache.get(key);
    if (known) return known;
    const forget = (error: Error) => {
      cache.delete(key);
      onError(error);
    };
    const made = this.watch(make, forget, () => bytes ?? NaN);
    return cache.set(key, made, bytes ?? 1);
  }

  /** The most bytes that one buffer can have and a kernel can bind, and the name of the limit. */
  get largestBuffer(): { bytes: number; limit: string } {
    const { limits } = this.gpu;
    const limit =
      limits.maxBufferSize < limits.maxStorageBufferBindingSize ? 'maxBufferSize' : 'maxStorageBufferBindingSize';
    return { bytes: limits[limit], limit };
  }

  /** Throws an `OutOfMemoryError` where no buffer can have so many bytes. */
  requireFits(what: string, bytes: number): void {
    const largest = this.largestBuffer;
    if (bytes <= largest.bytes) return;
    const limit = `this WebGPU device's ${largest.limit} is ${largest.bytes}`;
    throw new OutOfMemoryError(`the buffer "${what}" takes ${bytes} bytes; ${limit}`, bytes, largest.bytes);
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
