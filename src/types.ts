/**
 * The vocabulary of the public API: what a problem is, what can be asked of it, and what comes back. Only types and the
 * lists of names; behaviour lives in the files that use them.
 */
import type { AlgorithmName } from './rules.js';

import type { Warning } from './inspect/findings.js';

/** Rows and columns of an image, both at least 1. Arrays are row-major. */
export type Shape = readonly [rows: number, columns: number];

/** Real numbers as callers may hand them in; they are copied, never kept or changed. */
export type RealArray = Float32Array | Float64Array;

/** One entry per pixel: zero is outside (or not measured), anything else inside (or measured). */
export type MaskArray = Uint8Array | Uint8ClampedArray | readonly boolean[];

export { ALGORITHMS } from './rules.js';

/**
 * How the object constraint is applied, pixel by pixel: y is the new image, x the previous iterate, β the feedback
 * strength. A pixel *violates the constraint* where y is negative or where it is outside the support.
 *
 * | name | where y satisfies it | where y violates it | source |
 * |---|---|---|---|
 * | `gs` | y | 0 | Gerchberg & Saxton, Optik 35, 237 (1972); error reduction |
 * | `hio` | y | x − βy | Fienup, Applied Optics 21, 2758 (1982), hybrid input-output |
 * | `input-output` | x | x − βy | Fienup (1982) |
 * | `output-output` | y | (1−β)y | Fienup (1982) |
 *
 * In the first iteration there is no x: y takes its place where y violates the constraint, 0 where it satisfies it.
 */
export type Algorithm = AlgorithmName;

export const BACKEND_NAMES = ['cuda', 'webgpu', 'wasm'] as const;

export type BackendName = (typeof BACKEND_NAMES)[number];

export const PRECISIONS = ['single', 'double'] as const;

export type Precision = (typeof PRECISIONS)[number];

/** A diffraction pattern and what is known about it and about the object. */
export interface Problem {
  /**
   * Fourier magnitudes (√intensity), rows × columns, zero frequency at index 0 (not shifted to the centre), each finite
   * and ≥ 0 where measured. They need not be centrosymmetric.
   */
  magnitudes: RealArray;
  shape: Shape;
  /** Where the object may be non-zero, rows × columns. Everywhere when left out. */
  support?: MaskArray;
  /** Which frequencies were measured, rows × columns. All when left out. */
  mask?: MaskArray;
}

/** Where an iteration begins, when not from seeded random phases. */
export type Start =
  | {
      /** Phases of the spectrum in radians, rows × columns for each start, starts × rows × columns in all. */
      phase: RealArray;
    }
  | {
      /** An object to continue from, rows × columns for each start, starts × rows × columns in all. */
      object: RealArray;
    };

/** What `session.use` takes. */
export interface RuleOptions {
  /** Left out: the one that the session uses. */
  algorithm?: Algorithm | undefined;
  /** Feedback strength β > 0. Default 0.9; not used by `gs`. */
  beta?: number | undefined;
}

export interface SessionOptions {
  /** Default `gs`. */
  algorithm?: Algorithm;
  /** Feedback strength β > 0. Default 0.9; not used by `gs`. */
  beta?: number;
  /** An integer from 0 to 2⁵³−1 from which the random starts are drawn, alike on every backend. Default 0. */
  seed?: number;
  /** The caller's own start instead of a seeded one. */
  start?: Start;
  /** Number of independent starts, iterated together. Default 1. */
  starts?: number;
  /** Default `auto`: the best that is available here, or what the environment variable REPHASE_BACKEND names. */
  backend?: BackendName | 'auto';
  /** Index among the backend's devices, as `listBackends` shows them. Default: the first that works. */
  device?: number;
  /** `double` runs on the wasm backend only. Default `single`. */
  precision?: Precision;
  /** Keep the residual of every iteration. Default false. */
  history?: boolean;
}

/** State of a run, as given to `onProgress`. */
export interface Progress {
  /** Iterations finished by this call so far, and how many were asked for. */
  iteration: number;
  iterations: number;
  /** The best start's residual, the newest that is known: it may be one iteration behind. NaN before the first. */
  residual: number;
  /** Seconds since the run began. */
  seconds: number;
}

export interface RunOptions {
  /** Called at most about ten times a second, and once at the end. */
  onProgress?: (progress: Progress) => void;
  /** Stops the run between iterations; the promise is then rejected with an `AbortError`. */
  signal?: AbortSignal;
}

export interface RetrieveOptions extends SessionOptions, RunOptions {
  /** Number of iterations ≥ 1. Default 1000. */
  iterations?: number;
}

/** What `retrieve` resolves to. Of several starts, the one whose feasible object has the smallest residual. */
export interface Reconstruction {
  /** The object iterate x, rows × columns; `Float64Array` in double precision. */
  object: RealArray;
  /** The object with negative pixels and those outside the support cleared. */
  feasible: RealArray;
  shape: Shape;
  /** ‖|FT x| − M‖ / ‖M‖ over measured frequencies. */
  residual: number;
  /**
   * The residual of the feasible object. Except for `gs`, it tells more than that of x, which carries the feedback: it
   * falls as the image improves. NaN where the object has numbers that are not finite: feedback was far too strong, or
   * the numbers too large for the precision. Such a start is the best only where there is no other.
   */
  feasibleResidual: number;
  /** Both for every start, and which start the object is from. */
  residuals: Float64Array;
  feasibleResiduals: Float64Array;
  best: number;
  /** With `history: true`: the residual of each iteration of the best start. */
  history?: Float64Array;
  algorithm: Algorithm;
  /** The feedback strength that was used; 1 for `gs`, which has none. */
  beta: number;
  iterations: number;
  /** Seconds spent iterating, creation and reading back left out. */
  seconds: number;
  backend: BackendName;
  device: string;
  /** The share of pixels that counted as measured, from 0 to 1. */
  measured: number;
  /** What makes a wrong image likely, seen in the problem and in the result; empty where there is nothing to say. */
  warnings: Warning[];
}

/** What a session occupies and what it has moved so far. */
export interface MemoryReport {
  /** Bytes allocated on the device (in the WebAssembly memory for `wasm`). */
  deviceBytes: number;
  /** Bytes allocated on the host beside them. */
  hostBytes: number;
  /** Number and bytes of copies to the device and back. */
  uploads: number;
  uploadedBytes: number;
  downloads: number;
  downloadedBytes: number;
}

/** Where a session's time went. A GPU works while its caller submits more, so the two overlap and do not add up. */
export interface TimingReport {
  /**
   * How often this thread handed work to the backend: once for each `step` and each kernel call, once for each batch of
   * iterations that `run` makes. Reads, writes and what a session does by itself to carry them out do not count.
   */
  submissions: number;
  /** Iterations finished; `iterations` of the session. */
  iterations: number;
  /**
   * Seconds that this thread spent in those. On a GPU that is submission and not completion, which `await session.run()`
   * or a read waits for; on `wasm`, which computes on the calling thread, it is the work itself.
   */
  submitSeconds: number;
  /**
   * Seconds on the device's own clock, from the first kernel after each wait (`run`, a read) to the end of the last one
   * before the next wait, pauses between them counted. Work that nothing has waited for yet is left out. Only `cuda` has
   * it: `wasm` has no device, and `webgpu` would have to copy timestamps back between iterations.
   */
  deviceSeconds?: number;
}

export interface DeviceInfo {
  /** What a person would call it. */
  name: string;
  /** Bytes of memory, where the backend can tell. */
  memory?: number;
  /** Emulated on the CPU. */
  software: boolean;
  /** Why it cannot be used; undefined where it can. */
  reason?: string;
  /** More that is worth showing: driver, compute capability, limits. */
  details?: Readonly<Record<string, string | number>>;
}

/** One entry of `listBackends`, best first. */
export interface BackendReport {
  name: BackendName;
  available: boolean;
  /** Why it is not available. */
  reason?: string;
  devices: DeviceInfo[];
}

/** What of a WebGPU device (`GPUDevice`) can be told without depending on its types. */
export interface GPUDeviceLike {
  readonly queue: object;
  readonly limits: object;
  readonly lost: Promise<unknown>;
}
