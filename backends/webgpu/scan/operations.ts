/** What the operations of a scan are made of: which kernels in which order, and over which buffers. */
import type { ScanRule } from '../../../src/scan-rules.js';
import type { Kernel, Resource } from '../wgsl/kernel.js';
import { imposeModes, waveColumns, type WaveColumns } from './columns.js';
import type { ScanBuffer, ScanField } from './field.js';
import { fitSums, solveFits, stepAlong } from './fit.js';
import { movePositions, slopes } from './positions.js';
import { recordResidual } from './residuals.js';
import { waveRows, type WaveRows } from './rows.js';
import {
  findLargest,
  sumObject,
  sumProbe,
  updateObject,
  updateProbe,
  weigh,
  type Sum,
  type Weighing,
} from './updates.js';

/** A kernel, and what its third dimension counts. */
export interface ScanStep {
  /** Tells the kernel from every other of the scan's key. */
  key: string;
  write: () => Kernel;
  over: 'waves' | 'slots' | 'modes' | 'once';
  /** Which buffer stands for a resource, where it is not the one of the same name. */
  use: Partial<Record<Resource, ScanBuffer | 'rowTable' | 'columnTable'>>;
}

/** What decides which kernels there are. */
export interface ScanForm {
  masked: boolean;
  /** Some position lies between pixels. */
  placed: boolean;
  keepsWaves: boolean;
  /** The wave that is imposed is another than P·O. */
  mixes: boolean;
  leastSquares: boolean;
  updatesProbe: boolean;
}

export function formOf(
  { keepsWaves, c, leastSquares, updatesProbe }: ScanRule,
  masked: boolean,
  placed: boolean,
): ScanForm {
  return { masked, placed, keepsWaves, mixes: c !== 1, leastSquares, updatesProbe };
}

export type ScanOperations = ReturnType<typeof scanOperations>;

export function scanOperations(field: ScanField, form: ScanForm) {
  const { masked, placed, keepsWaves, mixes, leastSquares, updatesProbe } = form;
  const probe: ScanStep['use'] = placed ? { probe: 'placed' } : {};
  const rows = (work: Omit<WaveRows, 'placed'>, use: ScanStep['use'] = probe): ScanStep => ({
    key: `rows ${JSON.stringify({ ...work, placed })}`,
    write: () => waveRows(field, { ...work, placed }),
    over: 'waves',
    use: { tables: 'rowTable', ...use },
  });
  const columns = (work: WaveColumns, use: ScanStep['use'] = {}): ScanStep[] => {
    const { imposes, sums, ...rest } = work;
    const { forward, inverse } = rest;
    const step = (only: WaveColumns): ScanStep => ({
      key: `columns ${masked} ${JSON.stringify(only)}`,
      write: () => waveColumns(field, masked, only),
      over: 'waves',
      use: { tables: 'columnTable', ...use },
    });
    if (field.modes === 1 || !(imposes || sums)) return [step(work)];
    const together: ScanStep = {
      key: `modes ${JSON.stringify({ imposes, sums })}`,
      write: () => imposeModes(field, { ...(imposes && { imposes }), ...(sums && { sums }) }),
      over: 'slots',
      use,
    };
    return [...(forward ? [step({ forward })] : []), together, ...(inverse ? [step({ inverse })] : [])];
  };
  const step = (key: string, over: ScanStep['over'], write: () => Kernel, use = probe): ScanStep => {
    return { key: `${key} ${placed}`, write, over, use };
  };
  const weights = (work: Omit<Weighing, 'placed'>) =>
    step(`weights ${JSON.stringify(work)}`, 'once', () => weigh(field, { ...work, placed }));
  const objectSum = (sum: Sum) => step(`object ${sum}`, 'once', () => sumObject(field, sum, placed));
  const probeSum = (sum: Sum) => step(`probe ${sum}`, 'modes', () => sumProbe(field, sum), {});
  const largest = step('largest', 'once', () => findLargest(field), {});

  const all = { waves: 'probeSum' } as const;
  const forwardOf = (waves: ScanBuffer) => [
    rows({ load: 'waves', transform: 'forward', store: 'waves' }, { waves }),
    ...columns({ forward: true, ramp: 'adjoint' }, { waves }),
  ];
  /** `probeSum`, a spectrum, transformed back. */
  const probeSumBack: ScanStep[] = [
    ...columns({ inverse: true }, all),
    rows({ load: 'waves', transform: 'inverse', normalised: true, store: 'waves' }, all),
  ].map((one) => ({ ...one, over: 'modes' }));
  /** The waves of the spectrum in `spectrum`, moved to where each slot has it. */
  const place = (waves: ScanBuffer, spectrum: ScanBuffer) => [
    ...columns({ ramp: 'shift', inverse: true }, { waves, spectrum }),
    rows({ load: 'waves', transform: 'inverse', store: 'waves' }, { waves }),
  ];
  const product = { load: 'product', transform: 'forward', store: 'waves' } as const;
  const store = keepsWaves ? 'step' : leastSquares ? 'difference' : 'gradient';
  const finished = { normalised: true, store, ...(updatesProbe && !keepsWaves && { back: true }) } as const;
  const sums = { sums: 'residual' } as const;
  const constrained = { imposes: true, ...(!mixes && sums) };

  return {
    /** The probe's spectrum, from which it is moved. */
    probeSpectrum: [
      { ...rows({ load: 'probe', transform: 'forward', store: 'waves' }, { waves: 'spectrum' }), over: 'modes' },
      ...columns({ forward: true }, { waves: 'spectrum' }).map((one) => ({ ...one, over: 'modes' as const })),
    ] satisfies ScanStep[],
    place: placed ? place('placed', 'spectrum') : [],
    /** Kept waves begin as P·O. */
    keep: [rows({ load: 'product', store: 'kept' })],

    rowsForward: [
      rows(mixes ? { ...product, load: 'mixed' } : product),
      ...(keepsWaves || leastSquares ? [] : [weights({ object: true, ...(updatesProbe && { probe: true }) }), largest]),
    ],
    columnsForward: columns({ forward: true }),
    /** The residual of P·O, where the waves are others. */
    measure: mixes
      ? [rows(product, { ...probe, waves: 'measured' }), ...columns({ forward: true, ...sums }, { waves: 'measured' })]
      : [],
    constrain: columns(constrained),
    columnsInverse: columns({ inverse: true }),
    rowsInverse: [rows({ load: 'waves', transform: 'inverse', store: 'waves' })],
    finishWaves: [rows({ load: 'waves', ...finished })],
    /** The column pass of an iteration, and the row pass after it. */
    columnsPass: columns({ forward: true, ...constrained, inverse: true }),
    rowsPass: [rows({ load: 'waves', transform: 'inverse', ...finished })],

    /** Object and probe follow after a batch. */
    update: keepsWaves ? [] : leastSquares ? leastSquaresSteps() : gradientSteps(),
    /** The object's weights by the probe as it is. */
    illuminate: overSpans((accumulates) => [weights({ object: true, accumulates })]),
    largest: [largest],
    /** Of kept waves: the sums, and what follows of them. */
    fitObject: overSpans((accumulates) => [
      rows({ load: 'kept', store: 'gradient' }),
      weights({ object: true, accumulates }),
      objectSum(accumulates ? 'accumulate' : 'store'),
    ]),
    updateObject: [largest, step('update object', 'once', () => updateObject(field), {})],
    fitProbe: overSpans((accumulates) => [
      rows({ load: 'kept', store: 'difference', back: true }),
      ...(placed ? forwardOf('back') : []),
      weights({ probe: true, accumulates }),
      probeSum(accumulates ? 'accumulate' : 'store'),
    ]),
    updateProbe: [...(placed ? probeSumBack : []), largest, step('update probe', 'once', () => updateProbe(field), {})],

    record: [step('record', 'once', () => recordResidual(field), {})],
    /** The model's counts of each position. */
    count: [rows(product), ...columns({ forward: true, sums: 'counts' })],
    /** The sums that say where positions move, and the moves. */
    slopes: [
      rows(product),
      ...columns({ forward: true, imposes: true, inverse: true }),
      rows({ load: 'waves', transform: 'inverse', normalised: true, store: 'difference' }),
      step('slopes', 'slots', () => slopes(field, placed)),
    ],
    move: [step('move positions', 'once', () => movePositions(field), {})],
  };

  function gradientSteps(): ScanStep[] {
    const object = objectSum('update');
    if (!updatesProbe) return [object];
    if (!placed) return [object, probeSum('update')];
    const update = step('update probe', 'once', () => updateProbe(field), {});
    return [object, ...forwardOf('back'), probeSum('store'), ...probeSumBack, update];
  }

  function leastSquaresSteps(): ScanStep[] {
    const shifted = placed
      ? [...forwardOf('back'), probeSum('direction'), ...place('back', 'probeSum'), ...probeSumBack]
      : [];
    const probeSteps = updatesProbe ? (placed ? shifted : [probeSum('direction')]) : [];
    return [
      objectSum('direction'),
      ...probeSteps,
      step(`fit ${updatesProbe}`, 'slots', () => fitSums(field, { updatesProbe, placed })),
      step(`solve ${updatesProbe}`, 'once', () => solveFits(field, updatesProbe), {}),
      step('step object', 'once', () => stepAlong(field, 'object'), {}),
      ...(updatesProbe ? [step('step probe', 'once', () => stepAlong(field, 'probe'), {})] : []),
    ];
  }
}

/** Steps of the first span, and those of others, which add to its sums. */
export interface SpanSteps {
  first: readonly ScanStep[];
  more: readonly ScanStep[];
}

function overSpans(steps: (accumulates: boolean) => ScanStep[]): SpanSteps {
  return { first: steps(false), more: steps(true) };
}
