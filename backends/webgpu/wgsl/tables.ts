/**
 * Makes the constants that transforms read: twiddle factors of every stage and, for Bluestein's lengths, the chirp and its
 * spectrum. They are computed in double precision from reduced angles and rounded once.
 */
import type { Sign } from './butterflies.js';
import { isBluestein, type Factors } from './plan.js';

/** The first pass goes through the radices in order, the second in reversed order. */
export type Pass = 'first' | 'second';

export interface Stage {
  radix: number;
  /** The product of the radices before it. */
  span: number;
  /** Where its twiddle factors begin in the table. The first stage of a pass needs none. */
  entry: number;
}

/** The stages of both passes, and where the parts of the table begin, in entries of four numbers. */
export interface TableLayout {
  stages: Record<Pass, Stage[]>;
  chirp: number;
  entries: number;
}

/**
 * A stage multiplies number k of a butterfly by w^k. Its entry holds w and w^q; the other powers are made of these two,
 * with at most three roundings.
 */
export function secondPower(radix: number): number {
  return radix > 8 ? 4 : 2;
}

export function tableLayout(factors: Factors): TableLayout {
  let entries = 0;
  const pass = (radices: readonly number[]) => {
    let span = 1;
    return radices.map((radix) => {
      const stage = { radix, span, entry: entries };
      if (span > 1) entries += span;
      span *= radix;
      return stage;
    });
  };
  const stages = { first: pass(factors.radices), second: pass([...factors.radices].reverse()) };
  const chirp = entries;
  if (isBluestein(factors)) entries += factors.padded;
  return { stages, chirp, entries: Math.max(entries, 1) };
}

export function tableBytes(factors: Factors): number {
  return 16 * tableLayout(factors).entries;
}

/** The table for transforms whose first pass has the sign `first` and whose second has the other. */
export function makeTable(factors: Factors, first: Sign): Float32Array<ArrayBuffer> {
  const { stages, chirp, entries } = tableLayout(factors);
  const table = new Float32Array(4 * entries);
  const fill = (pass: Pass, sign: Sign) => {
    for (const { radix, span, entry } of stages[pass].slice(1)) {
      for (let p = 0; p < span; p++) {
        table.set(root(sign * p, span * radix), 4 * (entry + p));
        table.set(root(sign * p * secondPower(radix), span * radix), 4 * (entry + p) + 2);
      }
    }
  };
  // Bluestein's convolution goes forward and back inside each transform, whatever the transform's own sign.
  const sign: Sign = isBluestein(factors) ? -1 : first;
  fill('first', sign);
  fill('second', opposite(sign));
  if (isBluestein(factors)) fillChirp(factors, table, chirp);
  return table;
}

export function opposite(sign: Sign): Sign {
  return sign < 0 ? 1 : -1;
}

/** exp(2πi·k/n) */
function root(k: number, n: number): [number, number] {
  const angle = (2 * Math.PI * (k % n)) / n;
  return [Math.cos(angle), Math.sin(angle)];
}

/** For every n: exp(−πi·n²/length), 0 from `length` on, and the spectrum of its conjugate over `padded`. */
function fillChirp({ length, padded }: Factors, table: Float32Array, offset: number): void {
  const kernel = new Float64Array(2 * padded);
  for (let n = 0; n < length; n++) {
    const [re, im] = root((n * n) % (2 * length), 2 * length);
    table.set([re, -im], 4 * (offset + n));
    kernel.set([re, im], 2 * n);
    if (n > 0) kernel.set([re, im], 2 * (padded - n));
  }
  const spectrum = transform(kernel);
  for (let k = 0; k < padded; k++) {
    table.set([spectrum[2 * k] / padded, spectrum[2 * k + 1] / padded], 4 * (offset + k) + 2);
  }
}

/** Forward transform of interleaved numbers in double precision; the length has only the factors 2 and 3. */
function transform(x: Float64Array): Float64Array {
  const length = x.length / 2;
  if (length === 1) return x;
  const radix = length % 2 === 0 ? 2 : 3;
  const span = length / radix;
  const parts = Array.from({ length: radix }, (_, q) => {
    const part = new Float64Array(2 * span);
    for (let i = 0; i < span; i++) part.set(x.subarray(2 * (radix * i + q), 2 * (radix * i + q) + 2), 2 * i);
    return transform(part);
  });
  const out = new Float64Array(2 * length);
  for (let k = 0; k < length; k++) {
    parts.forEach((part, q) => {
      const [c, s] = root(-((q * k) % length), length);
      const [re, im] = [part[2 * (k % span)], part[2 * (k % span) + 1]];
      out[2 * k] += re * c - im * s;
      out[2 * k + 1] += re * s + im * c;
    });
  }
  return out;
}
