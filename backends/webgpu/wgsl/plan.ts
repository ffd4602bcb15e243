/**
 * Plans how lines of one length are transformed: which radices in which order, how many threads share a line, and how many
 * lines share a workgroup. Pure arithmetic on lengths and limits; lines.ts writes the WGSL.
 */

/** Limits of a device that decide how lines are laid out. */
export type LineLimits = Pick<
  GPUSupportedLimits,
  'maxComputeWorkgroupStorageSize' | 'maxComputeInvocationsPerWorkgroup' | 'maxComputeWorkgroupSizeX'
>;

/** The factors of a transform. `padded` is `length`, or the length of Bluestein's convolution, which is longer. */
export interface Factors {
  length: number;
  padded: number;
  /** Their product is `padded`. The largest are at both ends, because these decide how memory is read. */
  radices: readonly number[];
}

export interface LinePlan extends Factors {
  /** Threads that share a line. */
  threads: number;
  /** Lines that share a workgroup. */
  lines: number;
  /** A number of padding behind every 32 in workgroup memory keeps threads in different banks; without it more fits. */
  padding: boolean;
  /** Numbers of workgroup memory from one line to the next. */
  stride: number;
}

/** Primes up to here have butterflies of their own. */
const LARGEST_PRIME = 13;
/**
 * The largest butterfly, and with it the complex numbers that a thread keeps in registers. Short lines are a matter of
 * latency and gain from more threads; long ones of exchanges, and gain from fewer stages. (Measured: 10 is 30 % faster
 * than 16 at 512, 16 is 15 % faster at 2048.)
 */
const LARGEST_RADIX = { short: 10, long: 16 };
const SHORT = 1024;
/** More registers are spilled to memory, which is still better than more threads than a workgroup can have. */
const MOST_REGISTERS = 64;
/** A workgroup gets this many threads where it can. */
const FULL_WORKGROUP = 64;
/** Banks of workgroup memory. */
export const BANKS = 32;

export function isBluestein({ length, padded }: Factors): boolean {
  return padded > length;
}

/** The butterflies that begin and end a line where its pixels are. Bluestein's lines end as they begin. */
export function farEnd(factors: Factors): { radix: number; count: number } {
  const { padded, radices } = factors;
  const radix = radices[isBluestein(factors) ? 0 : radices.length - 1];
  return { radix, count: padded / radix };
}

export function factorsOf(length: number): Factors {
  const radices = radicesOf(length);
  if (radices) return { length, padded: length, radices };
  const padded = convolutionLength(length);
  return { length, padded, radices: radicesOf(padded)! };
}

/**
 * A plan for `lines` lines, with `preferredLines` or more in a workgroup where they fit and fewer where they do not;
 * undefined where a workgroup cannot hold even one line.
 */
export function planLine(
  factors: Factors,
  limits: LineLimits,
  preferredLines: number,
  lines: number,
): LinePlan | undefined {
  const { padded, radices } = factors;
  const invocations = Math.min(limits.maxComputeInvocationsPerWorkgroup, limits.maxComputeWorkgroupSizeX);
  const threads = threadsFor(factors, invocations);
  if (registersFor(radices, padded, threads) > MOST_REGISTERS) return undefined;
  const wanted = Math.max(preferredLines, Math.floor(FULL_WORKGROUP / threads));
  for (let count = Math.min(wanted, lines); count >= 1; count = Math.floor(count / 2)) {
    if (count * threads > invocations) continue;
    const mostStride = limits.maxComputeWorkgroupStorageSize / 4 / count;
    const withPadding = padded + Math.floor(padded / BANKS);
    // Lines that are read side by side start in different banks.
    const spread = count > 1 && count <= BANKS ? roundUp(withPadding, BANKS) + BANKS / count : withPadding;
    for (const [stride, padding] of [
      [Math.ceil(spread), true],
      [withPadding, true],
      [padded, false],
    ] as const) {
      if (stride <= mostStride) return { ...factors, threads, lines: count, padding, stride };
    }
  }
  return undefined;
}

/** The fewest threads that can hold a line in their registers, so that most have work in every stage. */
function threadsFor({ padded, radices }: Factors, invocations: number): number {
  for (let registers = largestRadix(padded); registers < MOST_REGISTERS; registers *= 2) {
    const threads = fewestThreads(radices, padded, registers);
    if (threads <= invocations) return threads;
  }
  return Math.min(invocations, fewestThreads(radices, padded, MOST_REGISTERS));
}

function largestRadix(length: number): number {
  return length <= SHORT ? LARGEST_RADIX.short : LARGEST_RADIX.long;
}

function fewestThreads(radices: readonly number[], padded: number, registers: number): number {
  return Math.max(...radices.map((radix) => Math.ceil(padded / radix / Math.max(1, Math.floor(registers / radix)))));
}

/** Complex numbers that a thread holds at most. */
export function registersFor(radices: readonly number[], padded: number, threads: number): number {
  return Math.max(...radices.map((radix) => Math.ceil(padded / radix / threads) * radix));
}

/** The fewest stages that do, the most even among those; undefined where a prime factor is too large. */
function radicesOf(length: number): number[] | undefined {
  if (length === 1) return [1];
  const limit = largestRadix(length);
  let best: number[] | undefined;
  const extend = (remaining: number, largest: number, chosen: number[]) => {
    if (best && chosen.length >= best.length && remaining > 1) return;
    if (remaining === 1) {
      if (!best || cost(chosen) < cost(best)) best = [...chosen];
      return;
    }
    for (let radix = Math.min(largest, remaining); radix >= 2; radix--) {
      const hasButterfly = radix <= limit || radix === 11 || radix === LARGEST_PRIME;
      if (hasButterfly && remaining % radix === 0) extend(remaining / radix, radix, [...chosen, radix]);
    }
  };
  extend(length, Math.max(limit, LARGEST_PRIME), []);
  if (!best) return undefined;
  const [first, second, ...inner] = best;
  return second === undefined ? [first] : [first, ...inner, second];
}

function cost(radices: number[]): number {
  return 1000 * radices.length + radices.reduce((sum, radix) => sum + radix, 0);
}

/** The shortest power of two, or three times one, that holds a circular convolution of a line with its chirp. */
function convolutionLength(length: number): number {
  const least = 2 * length - 1;
  const power = 2 ** Math.ceil(Math.log2(least));
  return (power / 4) * 3 >= least ? (power / 4) * 3 : power;
}

export function roundUp(n: number, multiple: number): number {
  return Math.ceil(n / multiple) * multiple;
}
