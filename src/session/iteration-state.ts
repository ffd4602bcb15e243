/**
 * Keeps the state of an iteration, inverse → constrainObject → forward → constrainFourier, and tells a backend session
 * what to do in which order, so that whole iterations, single kernels, reads, writes and changes of rule or support can
 * be mixed freely. It contains no arithmetic. Arguments arrive checked.
 */
import type { BackendSession, ShrinkSupport } from '../backends/interface.js';
import { readsIterate, withoutPrevious, type Rule } from '../rules.js';
import type { RealArray } from '../types.js';
import type { ResidualLog } from './residuals.js';

export type Kernel = 'inverse' | 'constrainObject' | 'forward' | 'constrainFourier';

export class IterationState {
  readonly #session: BackendSession;
  readonly #log: ResidualLog;
  readonly #starts: number;
  readonly #feasible: Rule;
  #rule: Rule;
  #firstRule: Rule;
  /** Where the rule changes with every iteration: that of the k-th, from 0, since it is used. */
  #ruleAt: ((k: number) => Rule) | undefined;
  #used = 0;
  #next: Kernel = 'inverse';
  /** See `BackendSession`: only `iterate` leaves a column pass pending, always with `inverse` next. */
  #pending = false;
  /** There is no previous iterate yet. */
  #first: boolean;
  /** The backend's previous iterate is that of the last iteration; otherwise the object is. */
  #iterateKept: boolean;
  /** The object's array holds an object; otherwise it is Re IFT(start), made when asked for. */
  #hasObject: boolean;
  /**
   * Starts whose objects were written since `inverse`: they become iterates if `constrainObject` is left out. With a copy
   * where other starts have no iterate yet: making theirs changes the written object too.
   */
  readonly #written = new Map<number, RealArray | undefined>();
  #iterations: number;

  /**
   * `feasible` makes objects feasible. `fromObject`: the start was an object, which is the previous iterate, after so many
   * iterations.
   */
  constructor(
    session: BackendSession,
    log: ResidualLog,
    starts: number,
    { rule, feasible, ruleAt }: { rule: Rule; feasible: Rule; ruleAt?: ((k: number) => Rule) | undefined },
    fromObject: boolean,
    iterations = 0,
  ) {
    this.#session = session;
    this.#log = log;
    this.#starts = starts;
    this.#rule = rule;
    this.#feasible = feasible;
    this.#firstRule = withoutPrevious(rule);
    this.#ruleAt = ruleAt;
    this.#first = !fromObject;
    this.#iterateKept = rule.keepsIterate;
    this.#hasObject = fromObject;
    this.#iterations = iterations;
  }

  get rule(): Rule {
    return this.#rule;
  }

  /** How often the measured magnitudes have been imposed. */
  get iterations(): number {
    return this.#iterations;
  }

  /** `inverse` was called and `constrainObject` was not: the previous iterate may be gone from the object's array. */
  get awaitsRule(): boolean {
    return this.#next === 'constrainObject';
  }

  /** The rule of the iterations to come, of all or, with `ruleAt`, of the first. Not while `awaitsRule`. */
  use(rule: Rule, ruleAt?: (k: number) => Rule): void {
    if (this.#first) {
      this.#iterateKept = rule.keepsIterate;
    } else if (readsIterate(rule) && !this.#iterateKept) {
      this.complete();
      for (let start = 0; start < this.#starts; start++) this.#session.keepObject(start);
      this.#iterateKept = true;
    }
    this.#rule = rule;
    this.#firstRule = withoutPrevious(rule);
    this.#ruleAt = ruleAt;
    this.#used = 0;
  }

  setSupport(support: Uint8Array | undefined): void {
    this.complete();
    this.#session.setSupport(support);
  }

  shrinkSupport(shrink: ShrinkSupport): void {
    this.makeObject();
    this.#session.shrinkSupport(shrink);
  }

  /** Runs whole iterations in fused passes. Only when none is under way. */
  iterate(count: number): void {
    if (!this.#ruleAt) return this.#iterateAlike(count);
    for (let i = 0; i < count; i++) {
      this.#iterateAlike(1);
      this.#advanceRule();
    }
  }

  #iterateAlike(count: number): void {
    if (this.#first) this.#session.iterate(1, this.#firstRule);
    const rest = this.#first ? count - 1 : count;
    if (rest > 0) this.#session.iterate(rest, this.#rule);
    this.#log.expect(this.#pending ? count : count - 1);
    this.#pending = true;
    this.#first = false;
    this.#iterateKept = this.#rule.keepsIterate;
    this.#hasObject = true;
    this.#iterations += count;
  }

  /** Runs what is left of the iteration that is under way; false when none was. */
  finish(): boolean {
    if (this.#next === 'inverse') return false;
    do this.run(this.#next);
    while (this.#next !== ('inverse' as Kernel));
    return true;
  }

  /** Does the pending pass: everything but `iterate` needs object and spectrum as the four kernels leave them. */
  complete(): void {
    if (!this.#pending) return;
    this.#session.completeIteration();
    this.#log.expect(1);
    this.#pending = false;
  }

  run(kernel: Kernel): void {
    this.complete();
    switch (kernel) {
      case 'inverse':
        this.#session.inverse();
        this.#hasObject = true;
        this.#next = 'constrainObject';
        break;
      case 'constrainObject':
        this.makeObject();
        this.#constrainObject();
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
        this.#session.constrainFourier(this.#rule);
        this.#log.expect(1);
        this.#iterations += 1;
        this.#next = 'inverse';
        this.#advanceRule();
        break;
    }
    // Clearing an empty map allocates a new one.
    if (this.#written.size > 0) this.#written.clear();
  }

  /** Before the first iteration, the object is what the start's spectrum gives. */
  makeObject(): void {
    this.complete();
    // The next spectrum written before the first iteration makes another object, so this one is not remembered.
    if (!this.#hasObject) this.#session.inverse();
  }

  writeObject(start: number, object: RealArray): void {
    this.complete();
    const asIterate = this.#next !== 'constrainObject';
    if (this.#starts > 1) this.makeObject();
    if (asIterate) {
      this.#giveOthersIterates(1);
      this.#next = 'forward';
    } else {
      this.#written.set(start, this.#first && this.#starts > 1 ? object.slice() : undefined);
    }
    this.#hasObject = true;
    this.#session.writeObject(start, object, asIterate && this.#iterateKept);
  }

  writeSpectrum(start: number, spectrum: RealArray): void {
    this.complete();
    if (this.#next !== 'constrainFourier') this.#next = 'inverse';
    this.#session.writeSpectrum(start, spectrum);
  }

  /** Residuals of the feasible objects, measured on the device. The iteration goes on from the object, with `forward`. */
  measureFeasible(): Promise<Float64Array<ArrayBuffer>> {
    this.makeObject();
    this.#next = 'forward';
    return this.#log.apart(() => this.#session.measureObject(this.#feasible));
  }

  #constrainObject(): void {
    this.#session.constrainObject(this.#first ? this.#firstRule : this.#rule);
    this.#first = false;
    this.#iterateKept = this.#rule.keepsIterate;
  }

  #advanceRule(): void {
    if (!this.#ruleAt) return;
    this.#used += 1;
    this.#rule = this.#ruleAt(this.#used);
    this.#firstRule = withoutPrevious(this.#rule);
  }

  #adoptWritten(): void {
    if (this.#written.size === 0) return;
    this.#giveOthersIterates(this.#written.size);
    for (const [start, object] of this.#written) {
      if (object) this.#session.writeObject(start, object, this.#iterateKept);
      else if (this.#iterateKept) this.#session.keepObject(start);
    }
  }

  /** Makes the first iterates of all starts when only `count` of them are about to be written. */
  #giveOthersIterates(count: number): void {
    if (this.#first && this.#starts > count) this.#constrainObject();
    this.#first = false;
  }
}
