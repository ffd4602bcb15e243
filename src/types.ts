/**
 * The vocabulary of the public API: what a problem is, what can be asked of it, and what comes back. Only types and the
 * lists of names; behaviour lives in the files that use them.
 */
import type { Warning } from './warnings.js';

/** Rows and columns of an image, both at least 1. Arrays are row-major. */
export type Shape = readonly [rows: number, columns: number];

/** Real numbers as callers may hand them in; they are copied, never kept or changed. */
export type RealArray = Float32Array | Float64Array;

/** Real numbers that rephase returns. The array has memory of its own and belongs to the caller: `Blob` takes it. */
export type RealResult = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** One entry per pixel: zero is outside (or not measured), anything else inside (or measured). */
export type MaskArray = Uint8Array | Uint8ClampedArray | readonly boolean[];

/** The names of the algorithms; `Algorithm` describes each. */
// prettier-ignore
export const ALGORITHMS = [
  'er', 'gs', 'hio', 'input-output', 'output-output', 'chio', 'raar', 'hpr', 'dm', 'rrr', 'cf', 'ml',
] as const;

/**
 * How the object constraint is applied, pixel by pixel: y is the new image, x the previous iterate, β the feedback
 * strength. A pixel *violates the constraint* where the value t that it is tested on is out of bounds (by default:
 * negative), or where it is outside the support, or with a support size k where t is not among the k largest positive ones.
 * P(t) is t brought into bounds, and 0 outside the support and where it is not among the k largest; with the default bounds
 * it is 0 wherever the constraint is violated.
 *
 * | name | t | where t satisfies it | where t violates it | source |
 * |---|---|---|---|---|
 * | `er`, `gs` | y | y | P(y) | Gerchberg & Saxton, Optik 35, 237 (1972); error reduction |
 * | `hio` | y | y | x − β(y − P(y)) | Fienup, Applied Optics 21, 2758 (1982), hybrid input-output |
 * | `input-output` | y | x | x − β(y − P(y)) | Fienup (1982) |
 * | `output-output` | y | y | y − β(y − P(y)) | Fienup (1982) |
 * | `chio` | y | y, or x − y(1−α)/α where y < αx | x − β(y − P(y)) | Fienup, Frontiers in Optics (2003), continuous HIO |
 * | `raar` | 2y − x | y | βx + (1−2β)y + βP(t) | Luke, Inverse Problems 21, 37 (2005) |
 * | `hpr` | (1+β)y − x | y | x − βy + P(t) | Bauschke, Combettes & Luke, JOSA A 20, 1025 (2003) |
 * | `dm` | 2y − x | y | x − y + P(t) | Elser, JOSA A 20, 40 (2003), with its β = 1 |
 * | `rrr` | x | x + β(y − x) | x + β(y − P(x)) | Elser, Lan & Bendory, SIAM J. Imaging Sci. 11, 2429 (2018) |
 * | `cf` | y | y | −y | Oszlányi & Sütő, Acta Cryst. A 60, 134 (2004), charge flipping; violated where y < δ |
 * | `ml` | y | y | P(y) | maximum likelihood for Poisson noise, by steps with momentum |
 *
 * `ml` does not impose the measured magnitudes. It makes a frequency's size a into (a + min(M²/a, 2M))/2, which raises the
 * likelihood of the counts, and goes on in the direction of the last iteration: docs/algorithms.md has the steps.
 *
 * `rrr` transforms the reflection 2P(x) − x of its iterate next; every other rule transforms the iterate. The iterates of
 * `raar`, `hpr` and `dm` are no images: an iteration of `er` makes one of them, and `retrieve` ends with it.
 *
 * docs/algorithms.md says what each is for, and where PyNX and cohere differ.
 *
 * In the first iteration there is no x: y takes its place where the constraint is violated, 0 where it is satisfied.
 *
 * The pixels of a complex object are out of bounds where their size is, or their phase; by default all inside the support
 * satisfy the constraint. P(t) is then the nearest complex number that satisfies it. `chio` and `cf` ask which of two numbers
 * is less, and take real objects only.
 */
export type Algorithm = (typeof ALGORITHMS)[number];

/** What the pixels of an object are. */
export const OBJECT_KINDS = ['real', 'complex'] as const;

/**
 * `real`: one number a pixel, as most absorbing or scattering objects have it in two dimensions. `complex`: two, interleaved
 * re, im, as every wave has them: an object that delays light, X-rays behind a specimen, the field in a plane.
 */
export type ObjectKind = (typeof OBJECT_KINDS)[number];

/** The backends, best first. */
export const BACKEND_NAMES = ['cuda', 'webgpu', 'wasm'] as const;

/**
 * What does the arithmetic: `cuda` NVIDIA's GPUs (Node on Linux, x64), `webgpu` any GPU (browsers, and Node with the package
 * `webgpu`), `wasm` the CPU.
 */
export type BackendName = (typeof BACKEND_NAMES)[number];

/** The precisions, coarsest first. */
export const PRECISIONS = ['single', 'double'] as const;

/** Of all arithmetic and of what comes back: `single` is a `Float32Array`, `double` a `Float64Array`. */
export type Precision = (typeof PRECISIONS)[number];

/**
 * A diffraction pattern and what is known about it and about the object.
 *
 * The Fourier transform carries no factor: F(k) = Σ f(x)·exp(−2πi k·x/N), summed over all pixels x, where k·x/N stands for
 * k₀x₀/rows + k₁x₁/columns. Its inverse divides by rows·columns. Zero frequency is at [0, 0]. The object therefore has the
 * unit of the magnitudes, and the magnitude at [0, 0] is the sum of all pixels of a non-negative object.
 */
export interface Problem {
  /**
   * Fourier magnitudes |F(k)|, rows × columns, each finite and ≥ 0 where measured. They need not be centrosymmetric.
   * `magnitudesFromIntensities` makes them from what a detector counts, and `ifftshift` moves the zero frequency from the
   * centre of a picture to [0, 0].
   */
  magnitudes: RealArray;
  /** Of the pattern and of the object, rows × columns. */
  shape: Shape;
  /**
   * Default `real`. A `complex` object needs a support, or something else that is known about it: its magnitudes are those
   * of many. Arrays of objects are then interleaved re, im: 2 × rows × columns numbers. Runs on `wasm` and `webgpu`.
   */
  object?: ObjectKind | undefined;
  /** Where the object may be non-zero, rows × columns. Everywhere when left out. */
  support?: MaskArray | undefined;
  /** Which frequencies were measured, rows × columns. All when left out. */
  mask?: MaskArray | undefined;
  /**
   * The least and the greatest value that the object may have inside the support, in the unit of the magnitudes, least ≤ 0 ≤
   * greatest. Default [0, Infinity]: the object is not negative. [-Infinity, Infinity] asks for no sign. Of a real object.
   */
  bounds?: readonly [low: number, high: number] | undefined;
  /**
   * The least and the greatest size that a complex object may have inside the support, in the unit of the magnitudes,
   * 0 ≤ least ≤ greatest. Default [0, Infinity]. [0, 1] is an object that lets through no more than there is; [1, 1] one that
   * only delays.
   */
  amplitudeBounds?: readonly [low: number, high: number] | undefined;
  /**
   * The least and the greatest phase that a complex object may have, in radians, finite, least ≤ greatest, less than a whole
   * turn apart. Default: any. [0, 0] is an object that only absorbs, whose pixels are real and not negative.
   */
  phaseBounds?: readonly [low: number, high: number] | undefined;
  /**
   * Magnitudes |o| of a complex object, rows × columns, each finite and ≥ 0, in the unit of the magnitudes: Σ|o|²·rows·columns is
   * ΣM² where all frequencies were measured. Every pixel gets its own, in place of amplitude bounds: `gs` is then the
   * algorithm of Gerchberg & Saxton, Optik 35, 237 (1972), with magnitudes known in two planes.
   */
  objectMagnitudes?: RealArray | undefined;
  /**
   * How many pixels of the object are not 0, at most: an integer from 1 to rows·columns. All but so many of the largest
   * positive pixels, or of a complex object those of the largest sizes, inside the support violate the constraint: the object has few bright pixels, wherever they are, such
   * as atoms (Elser, Lan & Bendory, SIAM J. Imaging Sci. 11, 2429, 2018). Iterations take k ± k/200 of them, and of
   * k < 200 exactly k; feasible objects have at most k. Default: any number.
   */
  supportSize?: number | undefined;
  /**
   * How far magnitudes may be from the measured ones and count as satisfied, in the unit of the magnitudes, ≥ 0; those further
   * away are brought to the nearer end. Default 0. The standard deviation of a magnitude from counts is 1/(2√c), where c is
   * the number of photons in a unit of intensity.
   */
  tolerance?: number | undefined;
  /** The greatest magnitude that frequencies which were not measured may have, > 0. Default Infinity. */
  unmeasuredLimit?: number | undefined;
  /**
   * The detector is near by: the pattern is the Fresnel integral of a complex object in place of its Fourier transform. A pixel of
   * the object is then wavelength · distance / (pixels of the pattern · `pixel`) along each axis, and the optical axis meets it at
   * [⌊rows/2⌋, ⌊columns/2⌋]; the pattern's [0, 0] is where it meets the detector. Objects that are read and written are in the
   * object's plane; spectra are those of the object times exp(iπ|r|²/(wavelength · distance)). `distance`: at least half of
   * the detector's side, and at most so much that the support is no wider than the detector. Not with `phaseBounds`. Default: the far field.
   */
  propagation?: Propagation | undefined;
}

/** How a wave comes from the object to a detector that is near by. All in metres, finite and above 0. */
export interface Propagation {
  /** Of the light, in the medium. */
  wavelength: number;
  /** From the object to the detector. */
  distance: number;
  /** Of the detector's pixels, along rows and columns where they differ. */
  pixel: number | readonly [rows: number, columns: number];
}

/** Where an iteration begins, when not from seeded random phases. */
export type Start =
  | {
      /** Phases of the spectrum in radians, rows × columns for each start, starts × rows × columns in all. */
      phase: RealArray;
    }
  | {
      /**
       * An object to continue from, rows × columns for each start, starts × rows × columns in all. A complex one is
       * interleaved, and has twice as many numbers.
       */
      object: RealArray;
    };

/** A pixel rule and its parameters. */
export interface RuleOptions {
  /** Default `gs`; for `session.use` the one that the session uses. */
  algorithm?: Algorithm | undefined;
  /** Feedback strength β > 0. Default 0.9, for `rrr` 0.5; not used by `er`, `gs`, `dm`, `cf` and `ml`. */
  beta?: number | undefined;
  /** α of `chio`, 0 < α ≤ 1. Default 0.4. */
  alpha?: number | undefined;
  /**
   * δ of `cf` ≥ 0, in standard deviations of the object, which follow from the measured magnitudes without that of the
   * zero frequency. Default 1.1.
   */
  delta?: number | undefined;
}

/** How a support shrinks to the object. */
export interface ShrinkSupportOptions {
  /** Standard deviation of the Gaussian in pixels, > 0. */
  sigma: number;
  /** Share of the root mean square of the blurred object over the support, > 0; 0.1 to 0.25 are usual. */
  threshold: number;
  /** A start whose support would have fewer pixels keeps the one that it has, ≥ 1. Default 1. */
  least?: number | undefined;
  /** Likewise with more pixels. Default Infinity. */
  most?: number | undefined;
}

/**
 * How `retrieve` shrinks supports to the object while it runs (shrink-wrap: Marchesini et al., Phys. Rev. B 68, 140101, 2003),
 * and when it stops. docs/algorithms.md has the steps.
 */
export interface ShrinkWrapOptions {
  /** At least so many iterations lie between two shrinks, ≥ 1. Default 1: every time that the chain leaves `er`. */
  every?: number | undefined;
  /**
   * Standard deviation of the Gaussian in pixels, > 0, or that of the first and of the last shrink, between which it changes
   * by equal ratios. Default [3, 1].
   */
  sigma?: number | readonly [from: number, to: number] | undefined;
  /**
   * Pixels stay in where the blurred object is above this share of its root mean square over the support, > 0. Default 0.2;
   * PyNX takes 0.25.
   */
  threshold?: number | undefined;
  /** The least and the most that may be left, as shares of the problem's support, from 0 to 1. Default [0.01, 1]. */
  area?: readonly [least: number, most: number] | undefined;
  /**
   * Shrinks are taken back where the residual that a period ends with is larger than this times the least one, ≥ 1, once
   * both are made comparable. Default 1.2. Infinity takes nothing back.
   */
  guard?: number | undefined;
}

/** What became of a support that may shrink. */
export interface ShrunkSupport {
  /** Shrinks that were not taken back. */
  shrinks: number;
  /** Whether shrinks did harm, and were taken back. The support is then that of the period with the least residual. */
  takenBack: boolean;
  /** Pixels of the support in the end. */
  pixels: number;
}

/** A part of a chain of algorithms: some iterations by one rule, or a chain that is repeated. */
export type ChainLink =
  | {
      /** The pixel rule. */
      algorithm: Algorithm;
      /** Feedback strength β > 0, or that of the first and of the last iteration, between which it changes linearly. */
      beta?: number | readonly [from: number, to: number] | undefined;
      /** Number of iterations ≥ 1. */
      iterations: number;
    }
  | {
      /** How often, ≥ 1. Default 1. */
      repeat?: number | undefined;
      /** What is repeated. */
      chain: readonly ChainLink[];
    };

/** What `createSession` takes, every field optional; undefined stands for the default. */
export interface SessionOptions extends RuleOptions {
  /** An integer from 0 to 2⁵³−1 from which the random starts are drawn, alike on every backend. Default 0. */
  seed?: number | undefined;
  /** The caller's own start instead of a seeded one. */
  start?: Start | undefined;
  /** Number of independent starts, iterated together. Default 1. */
  starts?: number | undefined;
  /**
   * Which of the seed's starts is the first of them, an integer ≥ 0; firstStart + starts ≤ 2³². `starts: 100, firstStart: 100`
   * are the second hundred of `starts: 200`, on whatever machine. Default 0. Not with `start`, and not with `generations`,
   * whose starts help each other.
   */
  firstStart?: number | undefined;
  /** Default `auto`: the best that is available here, or what the environment variable REPHASE_BACKEND names. */
  backend?: BackendName | 'auto' | undefined;
  /** Index among the backend's devices, as `listBackends` shows them. Default: the first that works. */
  device?: number | undefined;
  /** `double` runs on the wasm backend only. Default `single`. */
  precision?: Precision | undefined;
  /** Keep the residual of every iteration. Default false. */
  history?: boolean | undefined;
}

/** State of a run, as given to `onProgress`. */
export interface Progress {
  /** Iterations that this call has finished so far. */
  iteration: number;
  /** Iterations that this call was asked for. */
  iterations: number;
  /** The best start's residual, the newest that is known: it may be one iteration behind. NaN before the first. */
  residual: number;
  /** Seconds since the run began. */
  seconds: number;
}

/** What `session.run` and `retrieve` take to watch a run and to stop it. */
export interface RunOptions {
  /**
   * Called at most about ten times a second, and once at the end. A run waits for a promise that it returns, and ends with
   * the error that it throws or that the promise is rejected with.
   */
  onProgress?: ((progress: Progress) => unknown) | undefined;
  /** Stops the run between iterations; the promise is then rejected with an `AbortError`. */
  signal?: AbortSignal | undefined;
}

/** What `retrieve` takes, every field optional; undefined stands for the default. */
export interface RetrieveOptions extends Omit<SessionOptions, 'device'>, RunOptions {
  /**
   * Index among the backend's devices, as `listBackends` shows them, or `all`: the starts are divided among all that work,
   * and software takes part only where there is nothing else. Default: the first that works.
   */
  device?: number | 'all' | undefined;
  /** Number of iterations ≥ 1. Default 1000. */
  iterations?: number | undefined;
  /**
   * Algorithms one after the other, instead of `algorithm`, `beta` and `iterations`: text such as `hio:0.7*180+er*20`,
   * `(hio*45+er*5)*20` or `raar:0.9..0.5*200` (β from 0.9 to 0.5, in at most 100 steps), or an array that says the same.
   * With several starts, all go through it.
   */
  chain?: string | readonly ChainLink[] | undefined;
  /**
   * How often the chain is run by several starts that help each other, ≥ 1; takes `starts` ≥ 2. After each generation the
   * starts are registered to the best one: shifted, and rotated by 180° or negated where that fits better; complex ones also
   * turned by a constant phase. Those that agree go on from half their own object and half the average, the
   * others begin anew. The result is the average of those that agree after the last one, refined. The average is nearer to
   * the truth than any of them where noise makes them differ; `agreement` tells how far. Left out, starts are independent,
   * and the result is the best of them.
   */
  generations?: number | undefined;
  /**
   * With `generations`: how many steps lead from the average of the last one to the image that is most likely, ≥ 0. A step
   * raises the likelihood of the counts as `ml` does, and smooths between edges, first by half of what the starts differ by
   * and in the end by the noise of a pixel, which follows from the differences between k and −k. Held-out frequencies choose
   * among the last images, of a complex object, whose k and −k differ anyway, among all. The CPU does it, whatever
   * the backend. 0 leaves the average as it is. Default 250.
   */
  refine?: number | undefined;
  /**
   * With `generations`: the share of the measured frequencies that no iteration sees, from 0 to 0.5, chosen at random by the
   * seed. How well an image predicts them is its free residual. After two generations whose starts have no smaller ones,
   * no more are run. 0 holds nothing out. Default 0.01.
   */
  heldOut?: number | undefined;
  /**
   * Gets what the run has reached, as the bytes of a file from which `resume` goes on: every `checkpointSeconds`, whenever
   * starts end, and when the run is aborted. A run waits for a promise that it returns, and ends with the error that it
   * throws or that the promise is rejected with. The array belongs to the callback.
   */
  onCheckpoint?: ((checkpoint: Uint8Array<ArrayBuffer>) => unknown) | undefined;
  /** Seconds between checkpoints, above 0. Default 60. */
  checkpointSeconds?: number | undefined;
  /**
   * A checkpoint to go on from. The problem and the options must be those of the run that made it, but for backend, device,
   * and what only watches. On `wasm` the result is that of a run that was never interrupted, to the last bit. On and between
   * other backends it differs by rounding, and with a `supportSize` of 200 or more by what its tolerance leaves open.
   */
  resume?: Uint8Array | undefined;
  /**
   * Whether `inspect` looks at the problem, beside the run, and what it sees is added to the `warnings`. Patterns of more
   * than 65,536 pixels are looked at by a worker, where there are workers. Default true.
   */
  inspect?: boolean | undefined;
  /** Whether `objects` of the result has the object of every start. Default false. */
  keepObjects?: boolean | undefined;
  /**
   * Shrinks each start's support to its object, and takes back what does harm. It happens where the chain leaves `er`, so
   * the chain has to do that three times or more: `(hio:0.7*90+er*10)*10`. With `generations`, of which it takes four or more,
   * the support shrinks between them, to the average, for all starts. `true` stands for the defaults. Default false.
   */
  shrinkWrap?: boolean | ShrinkWrapOptions | undefined;
  /**
   * Whether 10 iterations, after a quarter of the chain, are on half of the support, the half that comes first row by row.
   * An object that is mixed with its twin has to decide for one (Fienup & Wackerman, JOSA A 3, 1897, 1986). With `generations`,
   * in the first. Default false.
   */
  detwin?: boolean | undefined;
}

/** What several starts of one pattern have in common: the reason to trust an image, or not to. */
export interface Agreement {
  /** The starts that agree, by index: their residuals are near the best one's, and their objects near its object. */
  kept: number[];
  /**
   * ‖object − best object‖ / ‖best object‖ of every start, after removing shift, rotation by 180° and sign, of complex objects
   * shift, twin and constant phase.
   */
  distances: Float64Array;
  /** ‖|FT x| − M‖ / ‖M‖ of every start over the frequencies that were held out, where some were. */
  freeResiduals?: Float64Array;
  /** Standard deviation of each pixel over the kept starts, rows × columns. Zero where only one is kept. */
  spread: RealResult;
  /** Spatial frequency of each ring below, in cycles a pixel, from 0 to 0.5. */
  frequencies: Float64Array;
  /**
   * Phase retrieval transfer function by rings: |mean spectrum of the kept starts| / M over measured frequencies. 1 where
   * phases agree, near 0 where they are random (Shapiro et al., PNAS 102, 15343, 2005). NaN for rings without light.
   */
  prtf: Float64Array;
  /**
   * Fourier ring correlation between the means of every second kept start (van Heel, Ultramicroscopy 21, 95, 1987); NaN
   * where only one is kept. Both halves have the same noise, so it tells how phases agree, not how true they are.
   */
  frc: Float64Array;
}

/** What `retrieve` resolves to. Of several starts, the one whose feasible object has the smallest residual. */
export interface Reconstruction {
  /**
   * The object iterate x, rows × columns, in the unit of the magnitudes; `Float64Array` in double precision. A complex one is
   * interleaved re, im, like all arrays of objects below.
   */
  object: RealResult;
  /** The object, brought into bounds (by default: negative pixels are cleared) and cleared outside the support. */
  feasible: RealResult;
  /** Rows and columns of both. */
  shape: Shape;
  /** ‖|FT x| − M‖ / ‖M‖ over measured frequencies. */
  residual: number;
  /**
   * The residual of the feasible object. Except for `gs`, it tells more than that of x, which carries the feedback: it
   * falls as the image improves. NaN where the object has numbers that are not finite: feedback was far too strong, or
   * the numbers too large for the precision. Such a start is the best only where there is no other.
   */
  feasibleResidual: number;
  /** With `generations`: what the starts of the last one have in common. The object is their mean, refined. */
  agreement?: Agreement;
  /** With `generations`: ‖|FT x| − M‖ / ‖M‖ over the frequencies that were held out, of `feasible`. */
  freeResidual?: number;
  /** With `generations`: how many were run. */
  generations?: number;
  /** `residual` of every start. */
  residuals: Float64Array<ArrayBuffer>;
  /** `feasibleResidual` of every start. */
  feasibleResiduals: Float64Array<ArrayBuffer>;
  /** With `keepObjects: true`: the feasible object of every start, rows × columns each. */
  objects?: RealResult[];
  /** With `shrinkWrap`: the support of `object` in the end, rows × columns, 1 where it may be non-zero. */
  support?: Uint8Array<ArrayBuffer>;
  /** With `shrinkWrap`: what became of the support of every start; of the one support with `generations`. */
  shrunk?: ShrunkSupport[];
  /** Index of the start that the object is from, counted from 0 in the arrays above. */
  best: number;
  /** With `history: true`: the residual of each iteration of the best start. */
  history?: Float64Array<ArrayBuffer>;
  /** The pixel rule that was used, of a chain the last. */
  algorithm: Algorithm;
  /** The feedback strength that was used, of a chain the last; 1 for algorithms that have none. */
  beta: number;
  /** What was asked for, as the option `chain` takes it: `hio:0.7*180+er*20`. */
  chain: string;
  /** Iterations finished by every start, in all generations. */
  iterations: number;
  /** Seconds spent iterating, creation and reading back left out. */
  seconds: number;
  /** The backend that was used. */
  backend: BackendName;
  /** Name of the device that was used, or of all of them. */
  device: string;
  /** The share of pixels that counted as measured, from 0 to 1. */
  measured: number;
  /**
   * What makes a wrong image likely, seen in the problem and in the result. Empty where there is nothing to say.
   */
  warnings: Warning[];
}

/** What a session occupies and what it has moved so far. */
export interface MemoryReport {
  /** Bytes allocated on the device (in the WebAssembly memory for `wasm`). */
  deviceBytes: number;
  /** Bytes allocated on the host beside them, with patterns of a scan that stay there. */
  hostBytes: number;
  /** Number of copies to the device. */
  uploads: number;
  /** Bytes of those copies, with patterns that batches bring from the host. */
  uploadedBytes: number;
  /** Number of copies from the device. */
  downloads: number;
  /** Bytes of those copies. */
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

/** One device of a backend, such as a GPU. */
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
  /** What the option `backend` takes. */
  name: BackendName;
  /** Whether at least one of its devices can be used here. */
  available: boolean;
  /** Why it is not available. */
  reason?: string;
  /** In the order of the option `device`. */
  devices: DeviceInfo[];
}

/** What of a WebGPU device (`GPUDevice`) can be told without depending on its types. */
export interface GPUDeviceLike {
  /** A `GPUQueue`. */
  readonly queue: object;
  /** `GPUSupportedLimits`. */
  readonly limits: object;
  /** Resolves when the device is lost. */
  readonly lost: Promise<unknown>;
}
