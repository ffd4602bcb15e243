/**
 * What a backend promises. A backend owns memory and arithmetic and knows nothing of options, defaults, files or order
 * of calls: arguments arrive validated, and `session.ts` decides what to call when. The same few operations serve the
 * three granularities on every backend.
 */
import type { Algorithm, BackendName, DeviceInfo, MemoryReport, Precision, RealArray, Shape } from '../types.js';

/** A problem as a backend gets it: checked, with every default filled in. Arrays belong to the caller and are not kept. */
export interface BackendProblem {
  shape: Shape;
  /** Fourier magnitudes, rows × columns; entries that `mask` clears may hold anything. */
  magnitudes: RealArray;
  /** 1 where measured. */
  mask?: Uint8Array;
  /** 1 where the object may be non-zero. */
  support?: Uint8Array;
  /**
   * A power of two that brings the largest measured magnitude into [1, 2), so that squares neither overflow nor
   * underflow in float. What is written to the device is multiplied by it, what is read back divided by it.
   */
  scale: number;
  algorithm: Algorithm;
  beta: number;
  starts: number;
  precision: Precision;
  /**
   * Begin from spectrum = the Hermitian part of M·exp(2πi·U), with U of `core/philox.hpp` for this seed and the starts
   * firstStart, firstStart + 1, … Left out, the spectrum is undefined until written.
   */
  seeded?: { seed: number; firstStart: number };
}

/**
 * One problem on one device. For each start it holds a real *object* (rows × columns), its *spectrum*, and for rules
 * with memory the previous *iterate*. Calls enqueue and return; they take effect in the order in which they were made.
 *
 * Between the two fused passes of an iteration the spectrum is kept transformed along rows only, which is all that the
 * next iteration needs: it is then *unsettled*, and the object is not in its array. `settle` ends that state. The
 * caller keeps track of it and never calls a kernel, a read or a write on an unsettled session.
 */
export interface BackendSession {
  /** object ← Re IFT(spectrum); the spectrum stays. */
  inverse(): void;
  /** object, iterate ← rule(object, iterate). `first`: there is no previous iterate yet. */
  constrainObject(first: boolean): void;
  /** spectrum ← FT(object). */
  forward(): void;
  /** Records the residual of the spectrum, then spectrum ← M·exp(i·arg spectrum). */
  constrainFourier(): void;

  /**
   * `count` iterations in two fused passes each, which leave the session unsettled. `first`: as for `constrainObject`.
   * Every iteration that begins unsettled records the residual of the one before it.
   */
  iterate(count: number, first: boolean): void;
  /** Ends the unsettled state: records the residual, and leaves object and spectrum as the four kernels would. */
  settle(): void;

  /**
   * The residuals recorded since the last call, oldest first, [record][start], as sums over pairs of frequencies
   * Σ w·(|C| − M_s)², where w counts how many of k and −k were measured (each pair once; where k = −k, w is 1) and M_s is
   * the symmetrised magnitude, in scaled units. The newest 1024 records are kept.
   */
  takeResiduals(): Promise<Float64Array>;

  /** The object of one start: the iterate after `constrainObject` or `settle`, otherwise what `inverse` made. */
  readObject(start: number): Promise<RealArray>;
  /** Replaces the object, and the previous iterate where `asIterate`. */
  writeObject(start: number, object: RealArray, asIterate: boolean): void;
  /** The previous iterate of one start ← its object. */
  keepObject(start: number): void;
  /** The full spectrum of one start, interleaved, 2 × rows × columns numbers. */
  readSpectrum(start: number): Promise<RealArray>;
  /** Takes the Hermitian part of a full spectrum, interleaved, 2 × rows × columns numbers. */
  writeSpectrum(start: number, spectrum: RealArray): void;

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
}
