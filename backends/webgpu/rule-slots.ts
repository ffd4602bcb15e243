/**
 * The rules that a session used last. Each has its coefficients in a slot of one uniform buffer, so that iterations that
 * alternate between a few rules upload nothing, and rules of one form share their steps.
 */
import { coefficients, isProjection, type Rule } from '../../src/rules.js';
import type { Shared } from './batch.js';
import { fourierOperationsFor, ruleOperationsFor, type FourierOperations, type RuleOperations } from './operations.js';
import { BINDING_ALIGNMENT } from './sizes.js';
import { fourierFormOf, takesNumbers } from './wgsl/constraint.js';
import { formOf, hasCoefficients, type RuleForm } from './wgsl/rule.js';
import type { SupportKind } from './wgsl/work.js';

const SLOTS = 16;
export const COEFFICIENT_BYTES = SLOTS * BINDING_ALIGNMENT;

export interface LoadedRule {
  /** Tells its coefficients from those of every other. */
  key: string;
  rule: Rule;
  form: RuleForm;
  support: SupportKind | undefined;
  slot: number;
  operations: RuleOperations & FourierOperations;
}

export class RuleSlots {
  /** The support of rules from now on. */
  support: SupportKind | undefined;
  readonly #shared: Shared;
  readonly #masked: boolean;
  readonly #slots: LoadedRule[] = [];
  readonly #operations = new Map<string, RuleOperations>();
  readonly #fourierOperations = new Map<string, FourierOperations>();
  #oldest = 0;

  constructor(shared: Shared, masked: boolean, support: SupportKind | undefined) {
    this.#shared = shared;
    this.#masked = masked;
    this.support = support;
  }

  operations(rule: Rule): RuleOperations & FourierOperations {
    const { field, plans } = this.#shared;
    const { support } = this;
    const masked = this.#masked;
    const form = formOf(rule);
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
    for (const loaded of this.#slots) if (loaded.rule === rule && loaded.support === support) return loaded;
    const numbers = coefficients(rule);
    const key = `${numbers.join(' ')} ${rule.keepsIterate} ${support}`;
    const equal = this.#slots.find((loaded) => loaded.key === key);
    if (equal) {
      equal.rule = rule;
      return equal;
    }
    const slot = this.#oldest;
    this.#oldest = (slot + 1) % SLOTS;
    const form = formOf(rule);
    if (hasCoefficients(form) || form.sized || takesNumbers(fourierFormOf(rule.fourier, this.#masked))) {
      const { device, buffers } = this.#shared;
      device.upload(buffers.coefficients!, slot * BINDING_ALIGNMENT, Float32Array.from(numbers));
    }
    const operations = this.operations(rule);
    return (this.#slots[slot] = { key, rule, form, support, slot, operations });
  }
}

function memoised<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const value = known.get(key) ?? make();
  known.set(key, value);
  return value;
}
