/** What passes over columns and rows are asked to do. The kernels for it are in columns.ts, rows.ts and long-lines.ts. */
import type { ConstraintWork } from './constraint.js';
import type { RuleForm } from './rule.js';

export interface ColumnWork extends ConstraintWork {
  forward?: boolean;
  inverse?: boolean;
  /** Leaves `spectrum` as it is and writes `destination`. */
  outOfPlace?: boolean;
}

export interface RowWork {
  /**
   * Begins with the spectrum's rows, otherwise with the object. They are those of a spectrum transformed back along
   * columns (`full`) or of an object transformed along rows only (`rows`), and differ by a factor.
   */
  inverse?: 'full' | 'rows';
  rule?: RuleForm;
  /** Ends with the spectrum's rows, otherwise with the object. */
  forward?: boolean;
  support?: SupportKind | undefined;
}

/** Whether all starts of the rule have one support, or each has its own. Undefined where the support is everywhere. */
export type SupportKind = 'shared' | 'own';

/** Tell the work from every other of its kind. */
export function columnKey(work: ColumnWork): string {
  return `columns ${JSON.stringify(work)}`;
}

export function rowKey(work: RowWork): string {
  return `rows ${JSON.stringify({ ...work, rule: work.rule?.key })}`;
}
