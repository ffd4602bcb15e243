/**
 * The iteration as a textbook writes it: complex numbers, the full spectrum, and Fourier sums written out, in double
 * precision. Slow, and so plain that it can be checked by reading: what `rephase validate` trusts.
 */
import { opposite } from '../problems/image.js';
import { type Algorithm, type MaskArray, type Problem, type Shape } from '../types.js';

interface Spectrum {
  re: Float64Array;
  im: Float64Array;
}

/** The object after `iterations` iterations from the object `start`. */
export function textbookIterations(
  { magnitudes, shape, support, mask }: Problem,
  {
    algorithm,
    beta,
    start,
    iterations,
  }: { algorithm: Algorithm; beta: number; start: Float64Array; iterations: number },
): Float64Array {
  let x = start;
  let spectrum = impose(
    fourierTransform({ re: x, im: new Float64Array(x.length) }, shape, -1),
    magnitudes,
    shape,
    mask,
  );
  for (let iteration = 0; iteration < iterations; iteration++) {
    const inverse = fourierTransform(spectrum, shape, 1).re.map((value) => value / x.length);
    const previous = x;
    x = inverse.map((y, at) => rule(algorithm, beta, y, previous[at], !support || Boolean(support[at])));
    spectrum = impose(fourierTransform({ re: x, im: new Float64Array(x.length) }, shape, -1), magnitudes, shape, mask);
  }
  return x;
}

/** The table of `Algorithm`. */
function rule(algorithm: Algorithm, beta: number, y: number, x: number, inside: boolean): number {
  const bad = !inside || y < 0;
  switch (algorithm) {
    case 'gs':
      return bad ? 0 : y;
    case 'hio':
      return bad ? x - beta * y : y;
    case 'input-output':
      return bad ? x - beta * y : x;
    case 'output-output':
      return bad ? (1 - beta) * y : y;
  }
}

/**
 * Replaces the magnitudes by the measured ones, averaged over k and −k where both were measured: the object is real. Where
 * neither was, the spectrum stays.
 */
function impose({ re, im }: Spectrum, magnitudes: ArrayLike<number>, shape: Shape, mask?: MaskArray): Spectrum {
  const measured = (k: number) => (!mask || mask[k] ? [magnitudes[k]] : []);
  const imposed = { re: re.slice(), im: im.slice() };
  for (let k = 0; k < re.length; k++) {
    const both = [...measured(k), ...measured(opposite(k, shape))];
    if (both.length === 0) continue;
    const magnitude = both.reduce((sum, value) => sum + value, 0) / both.length;
    const phase = Math.atan2(im[k], re[k]);
    imposed.re[k] = magnitude * Math.cos(phase);
    imposed.im[k] = magnitude * Math.sin(phase);
  }
  return imposed;
}

/** Σ over rows and columns of value · exp(±2πi(…)), unnormalised; `sign` −1 is forward. */
function fourierTransform(image: Spectrum, [rows, columns]: Shape, sign: 1 | -1): Spectrum {
  const alongRows = sums(image, rows, columns, columns, 1, sign);
  return sums(alongRows, columns, rows, 1, columns, sign);
}

/** Transforms `lines` lines of `length` numbers that are `step` apart; lines begin `stride` apart. */
function sums(
  { re, im }: Spectrum,
  lines: number,
  length: number,
  stride: number,
  step: number,
  sign: number,
): Spectrum {
  const result = { re: new Float64Array(re.length), im: new Float64Array(re.length) };
  for (let line = 0; line < lines; line++) {
    for (let k = 0; k < length; k++) {
      let [sumRe, sumIm] = [0, 0];
      for (let j = 0; j < length; j++) {
        const angle = (sign * 2 * Math.PI * ((j * k) % length)) / length;
        const at = line * stride + j * step;
        sumRe += re[at] * Math.cos(angle) - im[at] * Math.sin(angle);
        sumIm += re[at] * Math.sin(angle) + im[at] * Math.cos(angle);
      }
      result.re[line * stride + k * step] = sumRe;
      result.im[line * stride + k * step] = sumIm;
    }
  }
  return result;
}
