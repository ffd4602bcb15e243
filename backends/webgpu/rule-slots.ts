/**
 * The rules that a session used last. Each has its coefficients in a slot of one uniform buffer, so that iterations that
 * alternate between a few rules upload nothing, and rules of one form share their steps.
 */
import { coefficients, isProjection, type Rule } from '../../src/rules.js';
import type { Shared } from './batch.js';
import { ruleOperationsFor, type RuleOperations } from './operations.js';
import { BINDING_ALIGNMENT } from './sizes.js';
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
  /** Whether rules have a support from now on. */
  withSupport: boolean;
  readonly #shared: Shared;
  readonly #slots: LoadedRule[] = [];
  readonly #operations = new Map<string, RuleOperations>();
  #oldest = 0;

  constructor(shared: Shared, withSupport: boolean) {
    this.#shared = shared;
    this.withSupport = withSupport;
  }

  operations(rule: Rule): RuleOperations {
    const { withSupport } = this;
    const form = formOf(rule);
    const key = `${form.key} ${withSupport}`;
    let operations = this.#operations.get(key);
    if (!operations) {
      const { field, plans } = this.#shared;
      operations = ruleOperationsFor(field, plans, { rule: form, isProjection: isProjection(rule), withSupport });
      this.#operations.set(key, operations);
    }
    return operations;
  }

  /** Uploads the coefficients where the rule is in no slot and has others than 0 and 1. */
  load(rule: Rule): LoadedRule {
    const { withSupport } = this;
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
    if (hasCoefficients(form)) {
      const { device, buffers } = this.#shared;
      device.upload(buffers.coefficients!, slot * BINDING_ALIGNMENT, Float32Array.from(numbers));
    }
    const operations = this.operations(rule);
    return (this.#slots[slot] = { key, rule, form, withSupport, slot, operations });
  }
}
