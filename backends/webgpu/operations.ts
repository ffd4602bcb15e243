/**
 * What a session's operations are made of: which kernels in which order, over which buffers. Lines that fit a workgroup
 * take one kernel a pass; the others are put together by long-lines.ts.
 */
import { columnKernel, type ColumnWork } from './columns.js';
import type { Kernel, Resource } from './kernel.js';
import type { Layout } from './layout.js';
import { longColumnSteps, longRowSteps } from './long-lines.js';
import { factorsOf, isBluestein, planLine, type Factors, type LineLimits, type LinePlan } from './plan.js';
import { rowKernel, type RowWork } from './rows.js';
import { RULES } from './rules.js';
import type { Algorithm } from '../../src/types.js';

/** The buffers that each part of a session has, beside those that are shared. */
export type PartBuffer = 'spectrum' | 'work' | 'object' | 'iterate' | 'scratch' | 'moreScratch';

export interface Step {
  /** Tells the kernel from every other of this shape. */
  key: string;
  write: () => Kernel;
  /** Which buffer stands for a resource, where it is not the one of the same name. */
  use: Partial<Record<Resource, PartBuffer | 'columnTable' | 'rowTable'>>;
  /** Its parameters are those of `settle`. */
  settling?: boolean;
}

export interface Operations {
  /** spectrum, transformed back along columns, in place: how an iteration begins on a settled session. */
  columnsInverse: Step[];
  /** The two passes of an iteration. */
  columnsTurn: Step[];
  rowsTurn: Step[];
  /** What ends the unsettled state, for rules without memory the object too. */
  settleObject: Step[];
  settleSpectrum: Step[];
  inverse: Step[];
  constrainObject: Step[];
  forward: Step[];
  constrainFourier: Step[];
}

export interface Plans {
  columns: Factors;
  rows: Factors;
  /** Undefined where a line does not fit a workgroup. */
  columnLine: LinePlan | undefined;
  rowLine: LinePlan | undefined;
}

/** Lines of two rows each whose numbers of one column fill a sector of memory. */
const ROW_LINES = 2;

export function plansFor({ rows, columns, stored, pairs }: Layout, limits: LineLimits): Plans {
  const [columnFactors, rowFactors] = [factorsOf(rows), factorsOf(columns)];
  return {
    columns: columnFactors,
    rows: rowFactors,
    columnLine: planLine(columnFactors, limits, 1, stored),
    rowLine: planLine(rowFactors, limits, ROW_LINES, pairs),
  };
}

export interface Settings {
  algorithm: Algorithm;
  masked: boolean;
  withSupport: boolean;
}

export function operationsFor(layout: Layout, plans: Plans, { algorithm, masked, withSupport }: Settings): Operations {
  const rule = RULES[algorithm];
  const impose = masked ? 'masked' : 'plain';
  const columns = (work: ColumnWork) => columnSteps(layout, plans, work);
  const rows = (work: Omit<RowWork, 'withSupport'>, spectrum?: PartBuffer) =>
    rowSteps(layout, plans, { ...work, withSupport: withSupport && work.rule !== undefined }, spectrum);
  // Exact zeros have come back with rounding noise around them; a projection may be applied again.
  const again = rule.isProjection ? { rule } : {};
  const settling = (step: Step) => ({ ...step, settling: true });
  return {
    columnsInverse: columns({ inverse: true }),
    columnsTurn: columns({ forward: true, impose, inverse: true }),
    rowsTurn: rows({ inverse: true, rule, forward: true }),
    settleObject: rule.hasMemory ? [] : rows({ inverse: true, ...again }).map(settling),
    settleSpectrum: columns({ forward: true, impose }),
    inverse: [...columns({ inverse: true, elsewhere: true }), ...rows({ inverse: true }, 'work')],
    constrainObject: rows({ rule }),
    forward: [...rows({ forward: true }), ...columns({ forward: true })],
    constrainFourier: columns({ impose }),
  };
}

/** Butterflies of a row at the end where pixels are, a word of the support each. */
export function supportCount({ rows }: Plans): number {
  return rows.padded / rows.radices[isBluestein(rows) ? 0 : rows.radices.length - 1];
}

/** Bytes of a buffer for each start that lines which don't fit a workgroup are transformed through. */
export function scratchBytes({ stored, pairs }: Layout, { columns, rows, columnLine, rowLine }: Plans): number {
  return 8 * Math.max(columnLine ? 0 : stored * columns.padded, rowLine ? 0 : pairs * rows.padded);
}

function columnSteps(layout: Layout, { columns, columnLine }: Plans, work: ColumnWork): Step[] {
  if (!columnLine) return longColumnSteps(layout, columns, work);
  const key = `columns ${JSON.stringify(work)}`;
  const use = { destination: 'work', tables: 'columnTable' } as const;
  return [{ key, write: () => columnKernel(layout, columnLine, work), use }];
}

function rowSteps(layout: Layout, { rows, rowLine }: Plans, work: RowWork, spectrum: PartBuffer = 'spectrum'): Step[] {
  if (!rowLine) return longRowSteps(layout, rows, work, spectrum);
  const key = `rows ${JSON.stringify(work)}`;
  return [{ key, write: () => rowKernel(layout, rowLine, work), use: { spectrum, tables: 'rowTable' } }];
}
