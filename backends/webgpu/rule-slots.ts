/**
 * The rules that a session used last. Each has its coefficients in a slot of one uniform buffer, so that iterations that
 * alternate between a few rules upload nothing, and rules of one form share their steps.
 */
import { coefficients, isProjection, type Rule } from '../../src/rules.js';
import { BINDING_ALIGNMENT } from './batch.js';
import type { RealField } from './fields/real/layout.js';
import { ruleOperationsFor, type Plans, type RuleOperations } from './operations.js';
import { formOf, hasCoefficients, type RuleForm } from './wgsl/rule.js';

const SLOTS = 16;
export const COEFFICIENT_BYTES = SLOTS * BINDING_ALIGNMENT;

export interface LoadedRule {
  /** Tells its coefficients from those of every other. */
  key: string;
  rule: Rule;
  form: RuleForm;
  withSupport: boolean;
  slot: number;
  operations: RuleOperations;
}

export class RuleSlots {
  readonly #field: RealField;
  readonly #plans: Plans;
  readonly #slots: LoadedRule[] = [];
  readonly #operations = new Map<string, RuleOperations>();
  #oldest = 0;

  constructor(field: RealField, plans: Plans) {
    this.#field = field;
    this.#plans = plans;
  }

  operations(rule: Rule, withSupport: boolean): RuleOperations {
    const form = formOf(rule);
    const key = `${form.key} ${withSupport}`;
    let operations = this.#operations.get(key);
    if (!operations) {
      const given = { rule: form, isProjection: isProjection(rule), withSupport };
      operations = ruleOperationsFor(this.#field, this.#plans, given);
      this.#operations.set(key, operations);
    }
    return operations;
  }

  /** Calls `upload` where the rule is in no slot and has coefficients other than 0 and 1. */
  load(
    rule: Rule,
    withSupport: boolean,
    upload: (offset: number, data: Float32Array<ArrayBuffer>) => void,
  ): LoadedRule {
    for (const loaded of this.#slots) if (loaded.rule === rule && loaded.withSupport === withSupport) return loaded;
    const numbers = coefficients(rule);
    const key = `${numbers.join(' ')} ${rule.keepsIterate} ${withSupport}`;
    const equal = this.#slots.find((loaded) => loaded.key === key);
    if (equal) {
      equal.rule = rule;
      return equal;
    }
    const slot = this.#oldest;
    this.#oldest = (slot + 1) % SLOTS;
    const form = formOf(rule);
    if (hasCoefficients(form)) upload(slot * BINDING_ALIGNMENT, Float32Array.from(numbers));
    const operations = this.operations(rule, withSupport);
    return (this.#slots[slot] = { key, rule, form, withSupport, slot, operations });
  }
}
