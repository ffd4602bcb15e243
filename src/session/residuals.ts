/**
 * The residuals of a session: turns the sums that a backend records into residuals, and keeps the newest of each start
 * and, if asked, all of them. The backend keeps only its newest 1024 records, so the log asks for them in time.
 */
import type { BackendProblem, BackendSession } from '../backends/interface.js';
import type { StartState } from './start-state.js';

/** A history leaves at most this many records in the backend, so that a batch of as many more fits. */
export const RECORDS_PER_BATCH = 512;

export class ResidualLog {
  readonly #session: BackendSession;
  readonly #energy: number;
  readonly #asymmetry: number;
  readonly #keepsHistory: boolean;
  readonly #newest: Float64Array<ArrayBuffer>;
  /** In the pieces in which they were taken, each [record][start]. */
  readonly #history: Float64Array[] = [];
  #waiting = 0;
  #taken: Promise<void> = Promise.resolve();

  /** `before`: the states that the session goes on from. */
  constructor(
    session: BackendSession,
    { pattern, batch }: BackendProblem,
    keepsHistory: boolean,
    before: readonly StartState[] = [],
  ) {
    this.#session = session;
    this.#energy = pattern.energy;
    this.#asymmetry = pattern.asymmetry;
    this.#keepsHistory = keepsHistory;
    this.#newest = Float64Array.from({ length: batch.starts }, (_, start) => before[start]?.residual ?? NaN);
    const histories = keepsHistory ? before.map(({ history = new Float64Array() }) => history) : [];
    if (histories.length === 0) return;
    const records = histories[0].length;
    this.#history.push(
      Float64Array.from({ length: records * batch.starts }, (_, at) => {
        const start = at % batch.starts;
        return histories[start][(at - start) / batch.starts];
      }),
    );
  }

  /** Call it when something has been enqueued that records `count` residuals, at most `RECORDS_PER_BATCH`. */
  expect(count: number): void {
    this.#waiting += count;
    if (this.#keepsHistory && this.#waiting > RECORDS_PER_BATCH) void this.take();
  }

  /** Resolves when everything recorded up to now is in the log. `intoHistory`: false for a start's own residual. */
  take(intoHistory = this.#keepsHistory): Promise<void> {
    if (this.#waiting === 0) return this.#taken;
    this.#waiting = 0;
    const sums = this.#session.takeResiduals();
    this.#taken = Promise.all([sums, this.#taken]).then(([taken]) => this.#append(taken, intoHistory));
    // The next to await it gets the failure; until then it is not an unhandled one.
    this.#taken.catch(() => undefined);
    return this.#taken;
  }

  /** The residuals of the one record that `measure` enqueues. They belong to no iteration, so the log keeps none. */
  async apart(measure: () => void): Promise<Float64Array<ArrayBuffer>> {
    // The backend hands out records in order, so those before come first.
    const before = this.take();
    measure();
    const sums = this.#session.takeResiduals();
    await before;
    return this.#residuals(await sums);
  }

  /** The newest residual of each start; NaN before the first. */
  newest(): Float64Array<ArrayBuffer> {
    return this.#newest.slice();
  }

  /** The smallest of the newest residuals; NaN before the first. */
  best(): number {
    return this.#newest[indexOfLeast(this.#newest)];
  }

  history(start: number): Float64Array<ArrayBuffer> {
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

  #residuals(sums: Float64Array): Float64Array<ArrayBuffer> {
    return sums.map((sum) => Math.sqrt((sum + this.#asymmetry) / this.#energy));
  }

  #append(sums: Float64Array, intoHistory: boolean): void {
    if (sums.length === 0) return;
    const starts = this.#newest.length;
    const residuals = this.#residuals(intoHistory ? sums : sums.subarray(-starts));
    this.#newest.set(residuals.subarray(-starts));
    if (intoHistory) this.#history.push(residuals);
  }
}

/** Returns the index of the smallest number, or 0 where all are NaN. */
export function indexOfLeast(numbers: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < numbers.length; i++) {
    if (numbers[i] < numbers[best] || (Number.isNaN(numbers[best]) && !Number.isNaN(numbers[i]))) best = i;
  }
  return best;
}
