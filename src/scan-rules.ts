/**
 * The algorithms of ptychography, as data: the one place to add one. A backend receives numbers and knows no names.
 *
 * P·O is the wave of a position: probe times patch of the object. ψ is the wave that an algorithm keeps, or P·O.
 */
import type { ScanAlgorithm } from './scan-types.js';

/** What becomes of waves, and how object and probe follow. */
export interface ScanRule {
  /** Waves are kept from one iteration to the next, and object and probe follow once an iteration. */
  readonly keepsWaves: boolean;
  /** ψ ← (1−a−b)·ψ + a·PO + b·F⁻¹(impose F(c·PO + (1−c)·ψ)). */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** Object and probe move along directions by steps that fit best, instead of to weighted means. */
  readonly leastSquares: boolean;
  /** Share of the batch's mean that is added on the diagonals of the least-squares problems. */
  readonly ridge: number;
  /** Where little light falls: an update is divided by (1−α)·weight + α·(largest weight). */
  readonly alpha: number;
  /** How much of an update is done. */
  readonly step: number;
  readonly updatesProbe: boolean;
}

interface Row {
  /** The default. */
  alpha: number;
  /** The default; 1 for algorithms that have none. */
  beta: number;
  hasBeta: boolean;
  batch: number;
  rule: (beta: number) => Partial<ScanRule>;
}

const gradients = (alpha: number, batch: number): Row => ({ alpha, batch, beta: 1, hasBeta: false, rule: () => ({}) });
const projections = (beta: number, hasBeta: boolean, waves: Row['rule']): Row => ({
  ...{ alpha: 0.001, batch: 16, beta, hasBeta },
  rule: (beta) => ({ keepsWaves: true, ...waves(beta) }),
});

const TABLE: Record<ScanAlgorithm, Row> = {
  /** Maiden, Johnson & Li, Optica 4, 736 (2017), regularised ptychographic iterative engine. */
  rpie: gradients(0.1, 16),
  /** Maiden & Rodenburg, Ultramicroscopy 109, 1256 (2009), extended ptychographic iterative engine. */
  epie: gradients(1, 1),
  /** Odstrčil, Menzel & Guizar-Sicairos, Optics Express 26, 3108 (2018), least-squares maximum likelihood. */
  lsqml: { alpha: 0.1, batch: 16, beta: 1, hasBeta: false, rule: () => ({ leastSquares: true, step: 0.9 }) },
  /** Thibault et al., Ultramicroscopy 109, 338 (2009), difference map; β < 1 is the relaxation of Elser's RRR. */
  dm: projections(1, true, (beta) => ({ a: -beta, b: beta, c: 2 })),
  /** Luke, Inverse Problems 21, 37 (2005), relaxed averaged alternating reflections. */
  raar: projections(0.75, true, (beta) => ({ a: 1 - 2 * beta, b: beta, c: 2 })),
  /** Alternating projections, as in Thibault et al. (2009). */
  ap: projections(1, false, () => ({})),
};

/** What an algorithm takes where the caller says nothing. */
export function scanDefaults(algorithm: ScanAlgorithm): Omit<Row, 'rule'> {
  return TABLE[algorithm];
}

/** The rule of an algorithm, with the probe updated. */
export function scanRuleOf(algorithm: ScanAlgorithm, alpha: number, beta: number): ScanRule {
  return {
    ...{ keepsWaves: false, a: 0, b: 1, c: 1, leastSquares: false, ridge: 0.1, alpha, step: 1, updatesProbe: true },
    ...TABLE[algorithm].rule(beta),
  };
}

/** The numbers of a rule, in the order in which native code takes them. */
export function scanNumbers({ a, b, c, ridge, alpha, step, ...flags }: ScanRule): number[] {
  const { keepsWaves, leastSquares, updatesProbe } = flags;
  return [Number(keepsWaves), a, b, c, Number(leastSquares), ridge, alpha, step, Number(updatesProbe)];
}
