/**
 * The rules that a session used last. Each has its coefficients in a slot of one uniform buffer, so that iterations that
 * alternate between a few rules upload nothing, and rules of one form share their steps.
 */
import { isProjection, type Rule } from '../../src/rules.js';
import type { Shared } from './batch.js';
import { fourierOperationsFor, ruleOperationsFor, type FourierOperations, type RuleOperations } from './operations.js';
import { BINDING_ALIGNMENT } from './sizes.js';
import { fourierFormOf, takesNumbers } from './wgsl/constraint.js';
import { formOf, hasCoefficients, numbersOf, type RuleForm } from './wgsl/rule.js';
import type { SupportKind } from './wgsl/work.js';

/** Enough for most runs of an algorithm whose rule changes with every iteration. */
export const SLOTS = 128;
export const COEFFICIENT_BYTES = SLOTS * BINDING_ALIGNMENT;

export interface LoadedRule {
  form: RuleForm;
  slot: number;
  operations: RuleOperations & FourierOperations;
}

export class RuleSlots {
  /** The support of rules from now on. */
  support: SupportKind | undefined;
  readonly #shared: Shared;
  readonly #masked: boolean;
  /** By what tells the coefficients from all others, oldest first. */
  readonly #loaded = new Map<string, LoadedRule>();
  /** What `load` returned last, and for what: iterations mostly go on with one rule. */
  #last: { rule: Rule; support: SupportKind | undefined; loaded: LoadedRule } | undefined;
  readonly #operations = new Map<string, RuleOperations>();
  readonly #fourierOperations = new Map<string, FourierOperations>();

  constructor(shared: Shared, masked: boolean, support: SupportKind | undefined) {
    this.#shared = shared;
    this.#masked = masked;
    this.support = support;
  }

  operations(rule: Rule): RuleOperations & FourierOperations {
    const { field, plans } = this.#shared;
    const { support } = this;
    const masked = this.#masked;
    const form = this.#formOf(rule);
    const fourier = fourierFormOf(rule.fourier, masked);
    return {
      ...memoised(this.#operations, `${form.key} ${support}`, () => {
        return ruleOperationsFor(field, plans, { rule: form, isProjection: isProjection(rule), support });
      }),
      ...memoised(this.#fourierOperations, JSON.stringify(fourier ?? {}), () => {
        return fourierOperationsFor(field, plans, { fourier, masked });
      }),
    };
  }

  /** Uploads the coefficients where the rule is in no slot and has others than 0 and 1. */
  load(rule: Rule): LoadedRule {
    const { support } = this;
    if (this.#last?.rule === rule && this.#last.support === support) return this.#last.loaded;
    const numbers = numbersOf(rule);
    const flags = [rule.inTwoPlanes, rule.keepsIterate, rule.fourier.weights?.keepsPhases, support];
    const key = [...numbers, ...flags].join(' ');
    const loaded = memoised(this.#loaded, key, () => {
      const form = this.#formOf(rule);
      const hasNumbers = hasCoefficients(form) || form.sized || takesNumbers(fourierFormOf(rule.fourier, this.#masked));
      return { form, slot: this.#fill(hasNumbers ? numbers : []), operations: this.operations(rule) };
    });
    this.#last = { rule, support, loaded };
    return loaded;
  }

  #formOf(rule: Rule): RuleForm {
    return formOf(rule, this.#shared.field.kind.pixelNumbers === 2);
  }

  /** Puts the numbers of a rule into a new slot, or into that of the oldest rule, and returns which. */
  #fill(numbers: number[]): number {
    const { device, buffers } = this.#shared;
    const isNew = this.#loaded.size < SLOTS;
    const slot = isNew ? this.#loaded.size : this.#forgetOldest();
    if (numbers.length === 0) return slot;
    const [offset, data] = [slot * BINDING_ALIGNMENT, Float32Array.from(numbers)];
    // Nothing that is recorded uses a new slot.
    if (isNew) device.uploadAhead(buffers.coefficients!, offset, data);
    else device.upload(buffers.coefficients!, offset, data);
    return slot;
  }

  /** Returns the slot that becomes free. */
  #forgetOldest(): number {
    const [[key, { slot }]] = this.#loaded;
    this.#loaded.delete(key);
    return slot;
  }
}

function memoised<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}
