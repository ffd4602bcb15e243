/**
 * The residuals of a session: turns the sums that a backend records into residuals, and keeps the newest of each start
 * and, if asked, all of them. The backend keeps only its newest 1024 records, so the log asks for them in time.
 */
import type { BackendSession } from './backend.js';
import type { Setup } from './problem.js';

/** So many records may wait in the backend before the next batch of at most as many is enqueued. */
export const RECORDS_PER_BATCH = 512;

export class ResidualLog {
  readonly #session: BackendSession;
  readonly #setup: Setup;
  readonly #newest: Float64Array;
  /** In the pieces in which they were taken, each [record][start]. */
  readonly #history: Float64Array[] = [];
  #waiting = 0;
  #taken: Promise<void> = Promise.resolve();

  constructor(session: BackendSession, setup: Setup) {
    this.#session = session;
    this.#setup = setup;
    this.#newest = new Float64Array(setup.problem.starts).fill(NaN);
  }

  /** The backend is about to record so many more, at most `RECORDS_PER_BATCH`. */
  expect(count: number): void {
    if (this.#setup.history && this.#waiting + count > 2 * RECORDS_PER_BATCH) void this.take();
    this.#waiting += count;
  }

  /** Resolves when everything recorded up to now is in the log. `intoHistory`: false for a start's own residual. */
  take(intoHistory = this.#setup.history): Promise<void> {
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
    const { energy, asymmetry } = this.#setup;
    const residuals = sums.map((sum) => Math.sqrt((sum + asymmetry) / energy));
    this.#newest.set(residuals.subarray(-this.#newest.length));
    if (intoHistory) this.#history.push(residuals);
  }
}
