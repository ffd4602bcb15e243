/** What every session has beside its problem: whether it may be called, and how long its calls took. */
import type { BackendSession } from '../backends/interface.js';
import { AbortError, BusyError, DisposedError } from '../errors.js';
import type { TimingReport } from '../types.js';

// `await using` looks for these symbols. Browsers got them later than everything else that a session needs.
for (const name of ['dispose', 'asyncDispose'] as const) {
  if (!(name in Symbol)) Object.defineProperty(Symbol, name, { value: Symbol.for(`Symbol.${name}`) });
}

export class Lifetime {
  readonly #session: Pick<BackendSession, 'dispose' | 'deviceSeconds'>;
  #submissions = 0;
  #submitMilliseconds = 0;
  #running = false;
  #disposed = false;

  constructor(session: Pick<BackendSession, 'dispose' | 'deviceSeconds'>) {
    this.#session = session;
  }

  get disposed(): boolean {
    return this.#disposed;
  }

  checkAlive(): void {
    if (this.#disposed) throw new DisposedError();
  }

  checkUsable(): void {
    this.checkAlive();
    if (this.#running) throw new BusyError('the session is busy: await the promise of its run() first');
  }

  /** Does the work of a run, during which the session is not usable. */
  async run(work: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
    if (signal?.aborted) throw new AbortError(signal.reason);
    this.#running = true;
    try {
      await work();
    } catch (error) {
      if (this.#disposed) throw new DisposedError('the session was disposed of during run()', { cause: error });
      throw error;
    } finally {
      this.#running = false;
    }
  }

  /** Call it when work has been submitted since `began`. It takes no callback, because a step must not allocate. */
  submitted(began: number): void {
    this.#submissions += 1;
    this.#submitMilliseconds += performance.now() - began;
  }

  timing(iterations: number): TimingReport {
    this.checkAlive();
    return {
      submissions: this.#submissions,
      iterations,
      submitSeconds: this.#submitMilliseconds / 1000,
      ...(this.#session.deviceSeconds && { deviceSeconds: this.#session.deviceSeconds() }),
    };
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#session.dispose();
  }
}
