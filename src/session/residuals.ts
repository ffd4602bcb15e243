/**
 * The residuals of a session: turns the sums that a backend records into residuals, and keeps the newest of each start
 * and, if asked, all of them. The backend keeps only its newest 1024 records, so the log asks for them in time.
 */
import type { BackendProblem, BackendSession } from '../backends/interface.js';
import type { Setup } from '../problems/image.js';

/** So many records may wait in the backend before the next batch of at most as many is enqueued. */
export const RECORDS_PER_BATCH = 512;

/** By which a backend's sums become residuals. */
interface Constants {
  /** ‖M‖² over measured frequencies, in scaled units. */
  energy: number;
  /**
   * Σ (m₁ − m₂)²/2 over the pairs k, −k that were both measured, in scaled units: the part of the squared residual that
   * no object can remove, because a real object's magnitudes are alike at k and −k.
   */
  asymmetry: number;
}

export class ResidualLog {
  readonly #session: BackendSession;
  readonly #constants: Constants;
  readonly #keepsHistory: boolean;
  readonly #newest: Float64Array;
  /** In the pieces in which they were taken, each [record][start]. */
  readonly #history: Float64Array[] = [];
  #waiting = 0;
  #taken: Promise<void> = Promise.resolve();

  /** Keeps nothing of the setup: the caller's arrays are not to be held. */
  constructor(session: BackendSession, { problem, history }: Setup) {
    this.#session = session;
    this.#constants = constantsOf(problem);
    this.#keepsHistory = history;
    this.#newest = new Float64Array(problem.starts).fill(NaN);
  }

  /** Before something is enqueued by which the backend records so many more, at most `RECORDS_PER_BATCH`. */
  makeRoom(count: number): void {
    if (this.#keepsHistory && this.#waiting + count > 2 * RECORDS_PER_BATCH) void this.take();
  }

  /** After it was. Two calls and no callback, as steps are not to allocate. */
  expect(count: number): void {
    this.#waiting += count;
  }

  /** Resolves when everything recorded up to now is in the log. `intoHistory`: false for a start's own residual. */
  take(intoHistory = this.#keepsHistory): Promise<void> {
    if (this.#waiting === 0) return this.#taken;
    this.#waiting = 0;
    const sums = this.#session.takeResiduals();
    this.#taken = Promise.all([sums, this.#taken]).then(([taken]) => this.#append(taken, intoHistory));
    // Whoever awaits it next gets the failure; until then it is not an unhandled one.
    this.#taken.catch(() => undefined);
    return this.#taken;
  }

  /** The newest residual of each start; NaN before the first. */
  newest(): Float64Array {
    return this.#newest.slice();
  }

  /** The smallest of the newest residuals; NaN before the first. */
  best(): number {
    return this.#newest.reduce((best, residual) => (residual < best || Number.isNaN(best) ? residual : best), NaN);
  }

  history(start: number): Float64Array {
    const starts = this.#newest.length;
    const history = new Float64Array(this.#records());
    let record = 0;
    for (const piece of this.#history) {
      for (let at = start; at < piece.length; at += starts) history[record++] = piece[at];
    }
    return history;
  }

  /** Bytes on the host. */
  bytes(): number {
    return (this.#records() + 1) * this.#newest.byteLength;
  }

  #records(): number {
    return this.#history.reduce((sum, piece) => sum + piece.length, 0) / this.#newest.length;
  }

  #append(sums: Float64Array, intoHistory: boolean): void {
    if (sums.length === 0) return;
    const { energy, asymmetry } = this.#constants;
    const residuals = sums.map((sum) => Math.sqrt((sum + asymmetry) / energy));
    this.#newest.set(residuals.subarray(-this.#newest.length));
    if (intoHistory) this.#history.push(residuals);
  }
}

function constantsOf({ magnitudes, mask, scale, shape: [rows, columns] }: BackendProblem): Constants {
  let energy = 0;
  for (let k = 0; k < magnitudes.length; k++) {
    if (mask?.[k] === 0) continue;
    const magnitude = magnitudes[k] * scale;
    energy += magnitude * magnitude;
  }
  let asymmetry = 0;
  for (let row = 0; 2 * row <= rows; row++) {
    const here = row * columns;
    const there = row === 0 ? 0 : (rows - row) * columns;
    // A row that is its own opposite has both of a pair.
    const [first, end] = here === there ? [1, Math.ceil(columns / 2)] : [0, columns];
    for (let column = first; column < end; column++) {
      const k = here + column;
      const minusK = there + (column === 0 ? 0 : columns - column);
      if (mask !== undefined && (mask[k] === 0 || mask[minusK] === 0)) continue;
      const difference = (magnitudes[k] - magnitudes[minusK]) * scale;
      asymmetry += (difference * difference) / 2;
    }
  }
  return { energy, asymmetry };
}
