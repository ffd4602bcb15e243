/** The words of ptychography that users meet: scans, options and results. */
import type { BackendName, MaskArray, Precision, RealArray, RealResult, RunOptions, Shape } from './types.js';
import type { Warning } from './warnings.js';

/** The names of the algorithms for scans; `ScanAlgorithm` describes each. */
export const SCAN_ALGORITHMS = ['rpie', 'epie', 'lsqml', 'dm', 'raar', 'ap'] as const;

/**
 * How object and probe follow from the waves of each position.
 *
 * | name | updates | source |
 * |---|---|---|
 * | `rpie` | object and probe after each batch | Maiden, Johnson & Li, Optica 4, 736 (2017) |
 * | `epie` | as `rpie` with α = 1, one position at a time | Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009) |
 * | `lsqml` | after each batch, by steps that fit it best | Odstrčil, Menzel & Guizar-Sicairos, Optics Express 26, 3108 (2018) |
 * | `dm` | once an iteration, from waves that are kept; difference map | Thibault et al., Ultramicroscopy 109, 338 (2009) |
 * | `raar` | likewise, with its own step of the waves | Luke, Inverse Problems 21, 37 (2005) |
 * | `ap` | likewise, alternating projections | Thibault et al. (2009) |
 */
export type ScanAlgorithm = (typeof SCAN_ALGORITHMS)[number];

/** Where patterns can be kept between the batches that use them. */
export const PATTERN_PLACES = ['device', 'host'] as const;
/** One of `PATTERN_PLACES`. */
export type PatternPlace = (typeof PATTERN_PLACES)[number];

/** Counts: anything from 0 on, of any of these kinds. */
export type CountArray = RealArray | Uint8Array | Uint16Array | Uint32Array;

/**
 * A ptychographic scan: a probe was moved over an object, and a pattern was recorded at each position.
 *
 * The wave of a position is the probe times the object's patch under it, and a pattern is what a detector counts of its
 * Fourier transform, which is unitary here: Σ counts = Σ |probe|²·|object|². What the patterns cannot tell: one complex
 * factor, a linear phase (its conjugate goes to the probe), and one shift of object, probe and positions.
 */
export interface Scan {
  /**
   * Intensities, positions × rows × columns, each finite and ≥ 0 where measured, the zero frequency of each at [0, 0]
   * (`ifftshift` moves it there).
   */
  patterns: CountArray;
  /** Rows and columns of each pattern, and of the probe. */
  shape: Shape;
  /**
   * Row and column of each position in pixels of the object, positions × 2. They grow where the beam moves over the object
   * towards larger indices. Without an `object` their origin is free; otherwise they say where the probe's pixel [0, 0]
   * lies, and all patches lie inside.
   */
  positions: RealArray;
  /**
   * The probe to begin with, modes × rows × columns, interleaved re, im. It is multiplied by one number that makes the
   * model's counts those measured. Guessed from the mean pattern when left out, which does for a focused beam only.
   */
  probe?: RealArray | undefined;
  /** The object to begin with, rows × columns interleaved re, im. All 1, as vacuum, when left out. */
  object?: { data: RealArray; shape: Shape } | undefined;
  /** Which pixels of the patterns were measured, rows × columns, one mask for all. All when left out. */
  mask?: MaskArray | undefined;
  /**
   * Metres of a pixel of the object [rows, columns]: wavelength · distance / (pixels of the pattern · metres of a detector's
   * pixel). Files and pictures carry it, and guesses of the probe compute with it; nothing else does.
   */
  pixel?: readonly [number, number] | undefined;
  /** Metres, 5e-13 to 1e-4. Carried likewise. */
  wavelength?: number | undefined;
  /** Metres from the object to the detector, 1e-6 to 100. Carried to files. */
  distance?: number | undefined;
}

/**
 * What is done to a detector's patterns, in this order, so that their axes lie as those of the positions: transpose, flip
 * rows (upside down), flip columns (left to right). PyNX's `detector_orientation` is the same triple.
 */
export type Orientation = readonly [transpose: boolean, flipRows: boolean, flipColumns: boolean];

/** What `createSession` takes for a scan, every field optional; undefined stands for the default. */
export interface ScanSessionOptions {
  /** Default `rpie`. */
  algorithm?: ScanAlgorithm | undefined;
  /**
   * How much the largest weight counts where updates are divided by weights, 0 ≤ α ≤ 1. Default 0.1 for `rpie` and `lsqml`,
   * 1 for `epie`, 0.001 for the others.
   */
  alpha?: number | undefined;
  /** Of `dm` and `raar`, 0 < β ≤ 1. Default 1 for `dm`, 0.75 for `raar`. */
  beta?: number | undefined;
  /** How many positions are updated together, ≥ 1. Default 16, 1 for `epie`. Without effect on `dm`, `raar` and `ap`. */
  batch?: number | undefined;
  /** Mutually incoherent modes of the probe, ≥ 1. Those that the probe lacks are made of its first. Default: as given, or 1. */
  modes?: number | undefined;
  /** The iteration from which on the probe is updated, ≥ 0; Infinity for a known probe. Default 0. */
  probeFrom?: number | undefined;
  /** The iteration from which on positions are corrected, ≥ 0. Default Infinity: they are right. */
  positionsFrom?: number | undefined;
  /** An integer from 0 to 2⁵³−1: the order of positions follows from it, alike on every backend. Default 0. */
  seed?: number | undefined;
  /**
   * Where patterns are kept: on the `device`, or on the `host`, from where each batch brings its own, four bytes a pixel once an
   * iteration and once a correction of positions. Results are the same to the last bit. `device` is refused where it does not
   * fit. Default: on the device where they fit, otherwise on the host. Without effect on `wasm`, which computes where they are.
   */
  keepPatterns?: PatternPlace | undefined;
  /** Default `auto`: the best that is available here and takes scans. */
  backend?: BackendName | 'auto' | undefined;
  /** Index among the backend's devices. Default: the first that works. */
  device?: number | undefined;
  /** `double` runs on the wasm backend only. Default `single`. */
  precision?: Precision | undefined;
  /** Keep the residual of every iteration. Default false. */
  history?: boolean | undefined;
  /**
   * How many iterations the scan's `object`, `probe` and `positions` have behind them, ≥ 0. The order of positions, `probeFrom`
   * and `positionsFrom` go on from there, and the probe is not scaled. So a run that goes on from a preview ends with the
   * numbers of one that was never interrupted, except that `dm` and `raar` begin their waves anew. Default 0.
   */
  firstIteration?: number | undefined;
}

/** What a run has reached: copies, in the words of its result. */
export type ScanPreview = Pick<
  ScanReconstruction,
  'object' | 'objectShape' | 'probe' | 'modes' | 'positions' | 'residual' | 'iterations'
>;

/** What a run of a scan takes. */
export interface ScanRunOptions extends RunOptions {
  /**
   * Called between iterations with what the run has reached, to show it, or to keep it and go on from it. A run waits for a
   * promise that it returns, and ends with the error that it throws.
   */
  onPreview?: ((preview: ScanPreview) => unknown) | undefined;
  /** How many seconds at least lie between previews, > 0. Default 5. */
  previewSeconds?: number | undefined;
}

/** What `retrieve` takes for a scan, every field optional. */
export interface ScanOptions extends ScanSessionOptions, ScanRunOptions {
  /** Number of iterations ≥ 1; each visits every position once. Default 200. */
  iterations?: number | undefined;
}

/** What `retrieve` resolves to for a scan. */
export interface ScanReconstruction {
  /** rows × columns, interleaved re, im; `Float64Array` in double precision. 1 is vacuum. */
  object: RealResult;
  /** Rows and columns of the object. */
  objectShape: Shape;
  /** modes × rows × columns, interleaved re, im. Its power is the mean number of counts in a pattern. */
  probe: RealResult;
  /** Number of modes of the probe. */
  modes: number;
  /** Row and column of each position in the object's pixels, as corrected, positions × 2. */
  positions: Float64Array<ArrayBuffer>;
  /** √(Σ(|Ψ| − √I)² / ΣI) over measured pixels of all patterns, with each wave Ψ as it was before its batch. */
  residual: number;
  /** With `history: true`: the residual of each iteration. */
  history?: Float64Array<ArrayBuffer>;
  /** The algorithm that was used. */
  algorithm: ScanAlgorithm;
  /** α that was used. */
  alpha: number;
  /** β that was used; 1 for algorithms that have none. */
  beta: number;
  /** How many positions were updated together. */
  batch: number;
  /** What makes it likely that the object is wrong: `DIVERGED`, or nothing. */
  warnings: Warning[];
  /** Where patterns were kept. */
  keepPatterns: PatternPlace;
  /** Iterations finished, with those before `firstIteration`. */
  iterations: number;
  /** Seconds spent iterating. */
  seconds: number;
  /** The backend that was used. */
  backend: BackendName;
  /** Name of the device that was used. */
  device: string;
}
