/** What the worker's loop asks of a reconstruction, be it of an image or of a scan. */
import type { BackendName, RealResult, Shape, Warning } from 'rephase';
import type { Frame, Opened, Views } from '../protocol.js';
import type { Settings } from '../settings.js';

/** Those of browsers. */
export type Backend = 'webgpu' | 'wasm';

export interface Run {
  /** Iterations that are finished. */
  readonly done: number;
  /** Iterations that were asked for. */
  readonly iterations: number;
  readonly backend: BackendName;
  readonly device: string;
  /** Asks for as many again. */
  extend(): void;
  /**
   * Once the best backend is known: goes on there, with the recipe that leaves time for. Returns what was chosen; undefined
   * where the visitor chose.
   */
  settle(backend: Backend): Promise<string | undefined>;
  /** Runs at most so many iterations, and returns how many it ran. */
  run(most: number): Promise<number>;
  step(): void | Promise<void>;
  kernel(): void | Promise<void>;
  /** Not of scans. */
  setSupport?(support: Uint8Array<ArrayBuffer>): void;
  /** Goes on elsewhere from how things are, or from what was shown last where that cannot be read. */
  moveTo(backend: Backend): Promise<void>;
  /** What there is to see now. `compare`: the original is compared with, whatever time that takes. */
  frame(views: Views, rate: number, compare: boolean): Promise<Frame>;
  /** The numbers of the image, rows × columns, or interleaved re, im. */
  image(): Promise<{ image: RealResult; shape: Shape; isComplex: boolean }>;
  dispose(): void;
}

/** A problem, and how to begin with it. */
export interface Problem {
  opened: Opened;
  /** What `inspect` says of it, which takes some time. */
  inspect(): Warning[];
  open(settings: Settings): Promise<Run>;
}

/** Sizes of complex numbers, which are interleaved. */
export function amplitudes(numbers: ArrayLike<number>): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: numbers.length / 2 }, (_, i) => Math.hypot(numbers[2 * i], numbers[2 * i + 1]));
}

/** Radians, from the mean phase on, so that the jump from π to −π is far away. */
export function phases(numbers: ArrayLike<number>): Float32Array<ArrayBuffer> {
  let [re, im] = [0, 0];
  for (let i = 0; i < numbers.length; i += 2) [re, im] = [re + numbers[i], im + numbers[i + 1]];
  const length = Math.hypot(re, im) || 1;
  const [c, s] = [re / length, im / length];
  return Float32Array.from({ length: numbers.length / 2 }, (_, i) => {
    const [x, y] = [numbers[2 * i], numbers[2 * i + 1]];
    return Math.atan2(y * c - x * s, x * c + y * s);
  });
}

/** A complex image as a view shows it; NaN where `known` is 0. */
export function seen(
  numbers: ArrayLike<number>,
  view: Views['object'],
  known: ArrayLike<unknown>,
): Float32Array<ArrayBuffer> {
  const image = view === 'amplitude' ? amplitudes(numbers) : phases(numbers);
  return image.map((value, i) => (known[i] ? value : NaN));
}

/** Lets comparing with an original take at most a tenth of the time, and begin with images that have had time to form. */
export class Comparing {
  #after = performance.now() + 1000;

  /** The comparison, or undefined where it is too early for another one. */
  async compare<T>(always: boolean, comparison: () => Promise<T>): Promise<T | undefined> {
    const began = performance.now();
    if (!always && began < this.#after) return undefined;
    const result = await comparison();
    const ended = performance.now();
    this.#after = ended + 10 * (ended - began);
    return result;
  }
}

/** The kernel after this one. */
export function following<T>(kernels: readonly T[], kernel: T): T {
  return kernels[(kernels.indexOf(kernel) + 1) % kernels.length];
}
