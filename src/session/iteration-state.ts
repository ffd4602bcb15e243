/**
 * Where a session is in the cycle of an iteration: inverse → constrainObject → forward → constrainFourier. Knows what a
 * backend session must be told, and in which order, so that whole iterations, single kernels, reads and writes can be
 * mixed freely. Arguments arrive checked.
 */
import type { BackendSession } from '../backends/interface.js';
import type { ResidualLog } from './residuals.js';
import type { RealArray } from '../types.js';

export type Kernel = 'inverse' | 'constrainObject' | 'forward' | 'constrainFourier';

export class Cycle {
  readonly #session: BackendSession;
  readonly #log: ResidualLog;
  readonly #starts: number;
  #next: Kernel = 'inverse';
  /** See `BackendSession`: only `iterate` ends unsettled, always with `inverse` next. */
  #settled = true;
  /** There is no previous iterate yet. */
  #first: boolean;
  /** The object's array holds an object; otherwise it is Re IFT(start), made when asked for. */
  #hasObject: boolean;
  /**
   * Starts whose objects were written since `inverse`: they become iterates if `constrainObject` is left out. With a copy
   * where the first iterates of other starts are yet to be made, by which these change.
   */
  readonly #written = new Map<number, RealArray | undefined>();
  #iterations = 0;

  /** `fromObject`: the start was an object, which is the previous iterate. */
  constructor(session: BackendSession, log: ResidualLog, starts: number, fromObject: boolean) {
    this.#session = session;
    this.#log = log;
    this.#starts = starts;
    this.#first = !fromObject;
    this.#hasObject = fromObject;
  }

  /** How often the measured magnitudes have been imposed. */
  get iterations(): number {
    return this.#iterations;
  }

  /** Whole iterations in fused passes. Only when none is under way. */
  iterate(count: number): void {
    const records = this.#settled ? count - 1 : count;
    this.#log.makeRoom(records);
    this.#session.iterate(count, this.#first);
    this.#log.expect(records);
    this.#settled = false;
    this.#first = false;
    this.#hasObject = true;
    this.#iterations += count;
  }

  /** Runs what is left of the iteration that is under way; false when none was. */
  finish(): boolean {
    if (this.#isDone()) return false;
    do this.run(this.#next);
    while (!this.#isDone());
    return true;
  }

  /** Whatever is not `iterate` needs object and spectrum as the four kernels leave them. */
  settle(): void {
    if (this.#settled) return;
    this.#log.makeRoom(1);
    this.#session.settle();
    this.#log.expect(1);
    this.#settled = true;
  }

  run(kernel: Kernel): void {
    this.settle();
    switch (kernel) {
      case 'inverse':
        this.#session.inverse();
        this.#hasObject = true;
        this.#next = 'constrainObject';
        break;
      case 'constrainObject':
        this.makeObject();
        this.#session.constrainObject(this.#first);
        this.#first = false;
        this.#hasObject = true;
        this.#next = 'forward';
        break;
      case 'forward':
        this.makeObject();
        this.#adoptWritten();
        this.#session.forward();
        this.#hasObject = true;
        this.#next = 'constrainFourier';
        break;
      case 'constrainFourier':
        this.#log.makeRoom(1);
        this.#session.constrainFourier();
        this.#log.expect(1);
        this.#iterations += 1;
        this.#next = 'inverse';
        break;
    }
    // Clearing an empty map allocates a new one.
    if (this.#written.size > 0) this.#written.clear();
  }

  /** Before the first iteration, the object is what the start's spectrum gives. */
  makeObject(): void {
    this.settle();
    // Not remembered as an object: a new spectrum written before the first iteration makes a new one.
    if (!this.#hasObject) this.#session.inverse();
  }

  writeObject(start: number, object: RealArray): void {
    this.settle();
    const asIterate = this.#next !== 'constrainObject';
    if (this.#starts > 1) this.makeObject();
    if (asIterate) {
      this.#giveOthersIterates(1);
      this.#next = 'forward';
    } else {
      this.#written.set(start, this.#first && this.#starts > 1 ? object.slice() : undefined);
    }
    this.#hasObject = true;
    this.#session.writeObject(start, object, asIterate);
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    this.settle();
    if (this.#next !== 'constrainFourier') this.#next = 'inverse';
    this.#session.writeSpectrum(start, spectrum);
  }

  #adoptWritten(): void {
    if (this.#written.size === 0) return;
    this.#giveOthersIterates(this.#written.size);
    for (const [start, object] of this.#written) {
      if (object) this.#session.writeObject(start, object, true);
      else this.#session.keepObject(start);
    }
  }

  /** So many starts are about to get iterates of their own; none may be without one then. */
  #giveOthersIterates(count: number): void {
    if (this.#first && this.#starts > count) this.#session.constrainObject(true);
    this.#first = false;
  }

  #isDone(): boolean {
    return this.#next === 'inverse';
  }
}
