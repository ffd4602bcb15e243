/** Poisson-distributed counts, for detectors that count photons. */

/** Below this mean, multiplying uniform numbers is quicker than the transformed rejection, which needs means from 10. */
const SMALL_MEAN = 10;

/** A count with this mean ≥ 0, drawn with uniform numbers from [0, 1). */
export function poisson(mean: number, uniform: () => number): number {
  if (mean === 0) return 0;
  return mean < SMALL_MEAN ? byMultiplication(mean, uniform) : byTransformedRejection(mean, uniform);
}

/** Arrivals before the time `mean` of a process with unit rate. D. E. Knuth, The Art of Computer Programming 2, 3.4.1. */
function byMultiplication(mean: number, uniform: () => number): number {
  const least = Math.exp(-mean);
  let count = 0;
  for (let product = uniform(); product > least; product *= uniform()) count += 1;
  return count;
}

/**
 * Algorithm PTRS of W. Hörmann, "The transformed rejection method for generating Poisson random variables", Insurance:
 * Mathematics and Economics 12, 39 (1993).
 */
function byTransformedRejection(mean: number, uniform: () => number): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  const inside = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const u = uniform() - 0.5;
    const v = uniform();
    const us = 0.5 - Math.abs(u);
    const count = Math.floor(((2 * a) / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= inside) return count;
    if (count < 0 || (us < 0.013 && v > us)) continue;
    if (Math.log((v * inverseAlpha) / (a / (us * us) + b)) <= logProbability(count, mean)) return count;
  }
}

/**
 * ln(meanⁿ e^(−mean) / n!): summed where n is small, otherwise by Stirling's series, good to 1e-10, with the large terms
 * taken together so that their difference keeps its digits at any mean. C. Loader, "Fast and accurate computation of
 * binomial probabilities" (2000).
 */
function logProbability(n: number, mean: number): number {
  if (n < 16) {
    let sum = n * Math.log(mean) - mean;
    for (let i = 2; i <= n; i++) sum -= Math.log(i);
    return sum;
  }
  const x = (n - mean) / mean;
  const deviance = mean * ((1 + x) * Math.log1p(x) - x);
  const series = (1 / 12 - (1 / 360 - 1 / (1260 * n * n)) / (n * n)) / n;
  return -deviance - Math.log(2 * Math.PI * n) / 2 - series;
}
