/**
 * What a backend promises. A backend owns memory and arithmetic and knows nothing of options, defaults, files or order
 * of calls: arguments arrive validated, and `src/session/` decides what to call when. The same few operations serve the
 * three granularities on every backend.
 */
import type { Rule } from '../rules.js';
import type { ScanRule } from '../scan-rules.js';
import type { CountArray, PatternPlace } from '../scan-types.js';
import type { BackendName, DeviceInfo, MemoryReport, ObjectKind, Precision, RealArray, Shape } from '../types.js';

/** One diffraction pattern, checked. Arrays belong to the caller and are not kept. */
export interface Pattern {
  shape: Shape;
  /** Fourier magnitudes, rows × columns; entries that `mask` clears may hold anything. */
  magnitudes: RealArray;
  /** 1 where measured. */
  mask?: Uint8Array;
  /**
   * A power of two that brings the largest measured magnitude into [1, 2), so that squares neither overflow nor
   * underflow in float. A backend multiplies what it is given by it, and divides what is read back.
   */
  scale: number;
  /** ‖M‖² over measured frequencies, in scaled units. */
  energy: number;
  /**
   * Σ (M(k) − M(−k))²/2 over the pairs k, −k that were both measured, in scaled units: the part of the squared residual
   * that no real object can remove. 0 for a complex object, whose k and −k are independent.
   */
  asymmetry: number;
}

/** The starts that a session iterates together. */
export interface Batch {
  starts: number;
  /**
   * Begin from spectrum = M·exp(2πi·U), of a real object the Hermitian part of it, with U of `core/philox.hpp` for this seed and the starts
   * firstStart, firstStart + 1, … Left out, the spectrum is undefined until written.
   */
  seeded?: { seed: number; firstStart: number };
}

/** What a session is made from. */
export interface BackendProblem {
  pattern: Pattern;
  batch: Batch;
  precision: Precision;
  /** Default `real`. */
  object?: ObjectKind;
  /** The size of each pixel of a complex object, rows × columns, for rules `inTwoPlanes`. */
  objectMagnitudes?: RealArray;
  /** 1 where the object may be non-zero, until `setSupport`; everywhere when left out. */
  support?: Uint8Array;
  /**
   * The rule of the first iterations. The session estimates, allocates and compiles what it needs at once. Only where it has
   * weights may later rules have any.
   */
  rule: Rule;
}

/** How a support shrinks to the object. */
export interface ShrinkSupport {
  /** Standard deviation of the Gaussian in pixels, > 0. It is cut off at the third: 2·⌈3σ⌉ + 1 weights, which add up to 1. */
  sigma: number;
  /** Share of the root mean square, > 0. */
  threshold: number;
  least: number;
  most: number;
}

/**
 * One problem on one device. For each start it holds an *object* (rows × columns), its *spectrum*, and from the first
 * rule that keeps it on, the previous *iterate*. Calls enqueue and return; they take effect in the order in which they
 * were made.
 *
 * `iterate` leaves the last column pass *pending*: the spectrum is transformed along rows only, which is all that the next
 * iteration needs, and the object is not in its array. `completeIteration` does the pending pass. The caller keeps track
 * of it: of the methods that touch object or spectrum, only `iterate` and `completeIteration` are called while a pass is
 * pending.
 *
 * What is said of a real object holds of a complex one, whose arrays are interleaved, with these differences: IFT in place
 * of Re IFT, the spectrum in place of its Hermitian part, and sums over all measured frequencies in place of pairs.
 */
export interface BackendSession {
  /** object ← Re IFT(spectrum); the spectrum stays. */
  inverse(): void;
  /** object, iterate ← rule(object, iterate). `forward` then transforms the rule's next image. */
  constrainObject(rule: Rule): void;
  /** spectrum ← FT(object), or of the next image that `constrainObject` made. */
  forward(): void;
  /** Records the residual of the spectrum, then spectrum ← rule.fourier(spectrum), by default M·exp(i·arg spectrum). */
  constrainFourier(rule: Rule): void;

  /**
   * `count` iterations in two fused passes each, all with this rule. The last column pass stays pending, and is this rule's.
   * An iteration that begins while one is pending records the residual of the iteration before it.
   */
  iterate(count: number, rule: Rule): void;
  /** Does the pending column pass: records the residual, and leaves object and spectrum as the four kernels would. */
  completeIteration(): void;

  /** The object may be non-zero where this is 1, from the next rule on; everywhere for undefined. */
  setSupport(support: Uint8Array | undefined): void;
  /**
   * Every start's own support ← where its blurred object is above a threshold. The object is blurred by a Gaussian,
   * periodic at the edges; the threshold is a share of the root mean square of the blurred object over the support that
   * the start has. Of a complex object, its sizes are blurred. The result lies inside the support that `setSupport` gave last. Where it would have fewer pixels than
   * `least` or more than `most`, the start keeps the support that it has.
   */
  shrinkSupport(shrink: ShrinkSupport): void;
  /** The support of one start, 1 where the object may be non-zero. */
  readSupport(start: number): Promise<Uint8Array>;
  /** The support of one start, until `setSupport`; the others keep theirs. The next shrink is not limited by it. */
  writeSupport(start: number, support: Uint8Array): void;
  /**
   * Records the residual of the objects that `projection`, a rule that reads no iterate, makes of the objects. Imposes
   * nothing. The objects and iterates stay; the spectrum is that of the projected objects. `forward` transforms the
   * object next.
   */
  measureObject(projection: Rule): void;

  /**
   * The residuals recorded since the last call, oldest first, [record][start], as sums over pairs of frequencies
   * Σ w·(|C| − M_s)², where w counts how many of k and −k were measured (each pair once; where k = −k, w is 1) and M_s is
   * the symmetrised magnitude, in scaled units. The newest 1024 records are kept.
   */
  takeResiduals(): Promise<Float64Array>;

  /** The object of one start: the iterate after `constrainObject` or `completeIteration`, otherwise what `inverse` made. */
  readObject(start: number): Promise<RealArray>;
  /** Replaces the object of one start, and its previous iterate where `asIterate`. */
  writeObject(start: number, object: RealArray, asIterate: boolean): void;
  /** The previous iterate of one start ← its object. */
  keepObject(start: number): void;
  /** The full spectrum of one start, interleaved, 2 × rows × columns numbers. */
  readSpectrum(start: number): Promise<RealArray>;
  /** Takes the Hermitian part of a full spectrum, interleaved, 2 × rows × columns numbers. */
  writeSpectrum(start: number, spectrum: RealArray): void;
  /**
   * The packed half of a real object's spectrum (src/session/half-spectrum.ts), where a backend stores it in this form, and
   * all of a complex object's: writing what was read then restores every bit. Others leave both out.
   */
  readStored?(start: number): Promise<RealArray>;
  writeStored?(start: number, stored: RealArray): void;
  /** The threshold of one start's last support size, in scaled units, from which the next is found. Left out likewise. */
  readThreshold?(start: number): number;
  writeThreshold?(start: number, threshold: number): void;

  /** Resolves when everything enqueued so far has been carried out. Rejects when the device failed. */
  finish(): Promise<void>;
  memory(): MemoryReport;
  /**
   * Seconds on the device's own clock since the session was created, up to what was last waited for by `finish` or a
   * read: from the first kernel after each wait to the end of the last. Left out where there is no such clock, or where
   * reading it would put copies between iterations.
   */
  deviceSeconds?(): number;
  /**
   * Returns at once, and frees everything, as soon as the device has done what it was asked before. What was promised
   * before is still delivered, or rejected. Safe to call twice.
   */
  dispose(): void;
}

/** A scan, checked. Arrays are not changed; patterns may be kept, the others are not. */
export interface BackendScan {
  /** Counts, positions × rows × columns; entries that `mask` clears may hold anything. */
  patterns: CountArray;
  /** Of a pattern, and of the probe. */
  shape: Shape;
  /** 1 where measured. */
  mask?: Uint8Array;
  /** Row and column of each position in pixels of the object. All patches lie inside. */
  positions: Float64Array;
  objectShape: Shape;
  modes: number;
  /** The most positions that are updated together. */
  batch: number;
  precision: Precision;
  /** Where patterns are kept. Left out: on the device where they fit, otherwise on the host. */
  keepPatterns?: PatternPlace | undefined;
  /** What the first iterations will be given. The session allocates what it needs at once. */
  rule: ScanRule;
}

/**
 * One scan on one device. It holds the *object*, the *probe*, the positions, the waves of one batch of positions, and
 * where the rule keeps them, the waves of all. Calls enqueue and return. A *batch* is a run of the order of an iteration;
 * `begin` and `end` are its bounds in that order, of all positions. Transforms are unitary.
 */
export interface BackendScanSession {
  /** Where patterns are. */
  readonly keepPatterns: PatternPlace;

  /** Takes a batch: waves ← F(P·O), of kept waves F(c·PO + (1−c)·ψ). At `begin` 0 an iteration begins. */
  forward(order: Uint32Array, begin: number, end: number, rule: ScanRule): void;
  /** Adds up the residuals of the batch, of P·O where waves are kept; waves ← their measured sizes, and their phases. */
  constrainFourier(rule: ScanRule): void;
  /** waves ← F⁻¹(waves). */
  inverse(): void;
  /** Object and probe ← the rule's, or of kept waves ψ. After the `last` batch of an iteration its residual is recorded. */
  constrainObject(last: boolean, rule: ScanRule): void;
  /** The same four, of whole batches from `begin` to `end`. */
  iterate(order: Uint32Array, begin: number, end: number, rule: ScanRule): void;
  /** Moves each position to where its wave fits better, to first order, by at most so many pixels; none on the whole. */
  correctPositions(most: number): void;

  /** √(Σ(|Ψ| − √I)² / ΣI) of each iteration since the last call, but no more than the newest 1024. */
  takeResiduals(): Promise<Float64Array>;
  /** Counts of all measured pixels, as the model has them and as they were measured. */
  counts(): Promise<{ model: number; measured: number }>;

  /** Interleaved. What is written between iterations makes kept waves begin anew, as P·O. */
  readObject(): Promise<RealArray>;
  writeObject(object: RealArray): void;
  readProbe(): Promise<RealArray>;
  writeProbe(probe: RealArray): void;
  readPositions(): Promise<Float64Array>;
  writePositions(positions: Float64Array): void;
  /** The waves of the batch under way, [position in the batch][mode][row][column], interleaved. */
  readWaves(): Promise<RealArray>;
  writeWaves(waves: RealArray): void;

  /** As those of `BackendSession`. */
  finish(): Promise<void>;
  memory(): MemoryReport;
  deviceSeconds?(): number;
  dispose(): void;
}

export interface Backend {
  readonly name: BackendName;
  readonly precisions: readonly Precision[];
  /**
   * Sessions compute on the calling thread: whoever wants that thread free runs them on a worker, and several side by
   * side.
   */
  readonly onCallingThread: boolean;
  /** Where that is so: a script for a worker that runs jobs (src/retrieve/job.ts) on this backend, and what to send it first. */
  workerScript?(): Promise<{ source: string; data: unknown }>;
  /**
   * The devices that there are, best first, or a `BackendUnavailableError` that says why there are none. A device is
   * described by the same object until another takes its place; one that has gone keeps its index, with a `reason`.
   */
  devices(): Promise<DeviceInfo[]>;
  /** Rejects with an `OutOfMemoryError` that names the bytes needed and those there are, before it allocates. */
  createSession(problem: BackendProblem, device: number): Promise<BackendSession>;
  /** Likewise for a scan. A backend without it takes none. */
  createScanSession(scan: BackendScan, device: number): Promise<BackendScanSession>;
}
