/**
 * What a session's operations are made of: which kernels in which order, over which buffers. Lines that fit a workgroup
 * take one kernel a pass; wgsl/long-lines.ts puts the others together.
 */
import type { Field } from './fields/field.js';
import { blurKernel, candidatesKernel, levelKernel, replaceKernel, squaresKernel } from './fields/shrink.js';
import { thresholdKernel } from './fields/support-size.js';
import type { Step } from './step.js';
import { columnKernel } from './wgsl/columns.js';
import { longColumnSteps, longRowSteps } from './wgsl/long-lines.js';
import { factorsOf, planLine, type Factors, type LineLimits, type LinePlan } from './wgsl/plan.js';
import { rowKernel } from './wgsl/rows.js';
import { splitReflection, testsIterate, type RuleForm } from './wgsl/rule.js';
import { gainKernel, normaliseKernel } from './wgsl/weights.js';
import { columnKey, rowKey, type ColumnWork, type RowWork, type SupportKind } from './wgsl/work.js';

export interface Plans {
  columns: Factors;
  rows: Factors;
  /** Undefined where a line does not fit a workgroup. */
  columnLine: LinePlan | undefined;
  rowLine: LinePlan | undefined;
}

/** Rows whose numbers of one column fill a sector of memory. */
const ROWS_IN_SECTOR = 4;

export function plansFor({ rows, columns, stored, rowLines, kind }: Field, limits: LineLimits): Plans {
  const [columnFactors, rowFactors] = [factorsOf(rows), factorsOf(columns)];
  return {
    columns: columnFactors,
    rows: rowFactors,
    columnLine: planLine(columnFactors, limits, 1, stored),
    rowLine: planLine(rowFactors, limits, ROWS_IN_SECTOR / kind.rowsInLine, rowLines),
  };
}

export type Operations = ReturnType<typeof operationsFor>;

export function operationsFor(field: Field, plans: Plans, masked: boolean) {
  const columns = (work: ColumnWork) => columnSteps(field, plans, work);
  const rows = (work: RowWork, use?: Step['use']) => rowSteps(field, plans, work, use);
  return {
    /** spectrum, transformed back along columns, in place: begins an iteration where no pass is pending. */
    columnsInverse: columns({ inverse: true }),
    inverse: [...columns({ inverse: true, outOfPlace: true }), ...rows({ inverse: 'full' }, { spectrum: 'work' })],
    /** From the object, or from the next image where that is apart. */
    forward: [...rows({ forward: true }), ...columns({ forward: true })],
    forwardNext: [...rows({ forward: true }, { object: 'work' }), ...columns({ forward: true })],
    /** spectrum ← FT of lines that the row pass of a measurement has left, and its residual. */
    measureSpectrum: columns({ forward: true, constrain: 'measure', masked }),
  };
}

export type FourierOperations = ReturnType<typeof fourierOperationsFor>;

/** The operations that impose the Fourier constraint. */
export function fourierOperationsFor(
  field: Field,
  plans: Plans,
  { fourier, masked }: Pick<ColumnWork, 'fourier' | 'masked'>,
) {
  const columns = (work: ColumnWork) => columnSteps(field, plans, { ...work, constrain: 'impose', fourier, masked });
  if (fourier?.weights) {
    const gain: Step = { key: 'gain', write: () => gainKernel(field), use: {} };
    const normalise = [gain, { key: 'normalise', write: () => normaliseKernel(field), use: {} }];
    const completeSpectrum = [...columns({ forward: true }), ...normalise];
    return {
      constrainFourier: [...columns({}), ...normalise],
      columnsPass: masked
        ? [...completeSpectrum, ...columnSteps(field, plans, { inverse: true })]
        : [...columns({ forward: true, inverse: true }), gain],
      completeSpectrum,
    };
  }
  return {
    constrainFourier: columns({}),
    /** The column pass of an iteration. */
    columnsPass: columns({ forward: true, inverse: true }),
    /** The pending column pass, without the inverse that the next iteration would begin with. */
    completeSpectrum: columns({ forward: true }),
  };
}

export type RuleOperations = ReturnType<typeof ruleOperationsFor>;

export function ruleOperationsFor(
  field: Field,
  plans: Plans,
  { rule, isProjection, support }: { rule: RuleForm; isProjection: boolean; support: SupportKind | undefined },
) {
  if (rule.sized) return sizedOperations(field, plans, rule, support);
  const rows = (work: RowWork) => rowSteps(field, plans, work, ruleBuffers(support));
  const constrained = { rule, support };
  // The inverse leaves rounding noise where the object was exactly 0. A second projection removes it.
  const reproject = isProjection ? constrained : {};
  return {
    /** The row pass of an iteration. */
    rowsPass: rows({ inverse: 'full', ...constrained, forward: true }),
    /** Makes the object of a pending pass, unless the iterate was kept. */
    completeObject: rule.keepsIterate ? [] : rows({ inverse: 'rows', ...reproject }),
    constrainObject: rows(constrained),
    /** The row pass of a measurement: from the object, through the rule, into the spectrum's rows. */
    measureRows: rows({ ...constrained, forward: true }),
  };
}

/** `work` is free between the rule and `forward`, and holds the next image meanwhile. */
function ruleBuffers(support: SupportKind | undefined): Step['use'] {
  return { next: 'work', ...(support === 'own' && { support: 'ownSupport' }) };
}

/** The same with a support size: a threshold has to be found in the image before the rule is applied to it. */
function sizedOperations(field: Field, plans: Plans, rule: RuleForm, support: SupportKind | undefined) {
  const rows = (work: RowWork) => rowSteps(field, plans, work, ruleBuffers(support));
  const threshold = (of: RuleForm, exact = false): Step => ({
    key: `threshold ${of.key} ${support} ${exact}`,
    write: () => thresholdKernel(field, plans.rows, { rule: of, support, exact }),
    use: ruleBuffers(support),
  });
  const apply = (of: RuleForm, work: RowWork) => [threshold(of), ...rows({ rule: of, support, ...work })];
  const inverse = rows({ inverse: 'full' });
  const measureRows = [threshold(rule, true), ...rows({ rule, support, forward: true })];
  if (!rule.reflectsIterate) {
    const rowsPass = [...inverse, ...apply(rule, { forward: true })];
    return { rowsPass, completeObject: [], constrainObject: apply(rule, {}), measureRows };
  }
  const { update, reflection } = splitReflection(rule);
  // The threshold of the previous iterate is known before the new image is.
  const updated = testsIterate(rule) ? apply(update, { inverse: 'full' }) : [...inverse, ...apply(update, {})];
  return {
    rowsPass: [...updated, ...apply(reflection, { forward: true })],
    completeObject: [],
    constrainObject: [...apply(update, {}), ...apply(reflection, {})],
    measureRows,
  };
}

/** Every start's own support ← where its blurred object is above a share of its root mean square. */
export function shrinkSteps(field: Field, { rows }: Plans): Step[] {
  const own = { support: 'ownSupport' } as const;
  return [
    { key: 'shrink blur', write: () => blurKernel(field), use: {} },
    { key: 'shrink squares', write: () => squaresKernel(field, rows), use: own },
    { key: 'shrink level', write: () => levelKernel(field, rows), use: own },
    { key: 'shrink candidates', write: () => candidatesKernel(field, rows), use: {} },
    { key: 'shrink replace', write: () => replaceKernel(field, rows), use: { destination: 'ownSupport' } },
  ];
}

/** Bytes of a buffer for each start that lines which do not fit a workgroup are transformed through. */
export function scratchBytes({ stored, rowLines }: Field, { columns, rows, columnLine, rowLine }: Plans): number {
  return 8 * Math.max(columnLine ? 0 : stored * columns.padded, rowLine ? 0 : rowLines * rows.padded);
}

function columnSteps(field: Field, { columns, columnLine }: Plans, work: ColumnWork): Step[] {
  if (!columnLine) return longColumnSteps(field, columns, work);
  const use = { destination: 'work', tables: 'columnTable' } as const;
  return [{ key: columnKey(work), write: () => columnKernel(field, columnLine, work), use }];
}

function rowSteps(field: Field, { rows, rowLine }: Plans, work: RowWork, use: Step['use'] = {}): Step[] {
  if (!rowLine) return longRowSteps(field, rows, work, use);
  return [{ key: rowKey(work), write: () => rowKernel(field, rowLine, work), use: { tables: 'rowTable', ...use } }];
}
