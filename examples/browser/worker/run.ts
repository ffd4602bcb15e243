/** What the worker's loop asks of a reconstruction, be it of an image or of a scan. */
import type { BackendName, RealResult, Shape } from 'rephase';
import type { Frame, Opened, Views } from '../protocol.js';
import type { Settings } from '../settings.js';

export interface Run {
  /** Iterations that are finished. */
  readonly done: number;
  /** Iterations that were asked for. */
  readonly iterations: number;
  readonly backend: BackendName;
  readonly device: string;
  /** Asks for as many again. */
  extend(): void;
  /** Runs at most so many iterations, and returns how many it ran. */
  run(most: number): Promise<number>;
  step(): void;
  kernel(): void;
  /** Not of scans. */
  setSupport?(support: Uint8Array<ArrayBuffer>): void;
  /** Goes on elsewhere from what was shown last. */
  moveTo(backend: 'webgpu' | 'wasm'): Promise<void>;
  /** What there is to see now. `compare`: the original is compared with, whatever time that takes. */
  frame(views: Views, rate: number, compare: boolean): Promise<Frame>;
  /** The numbers of the image; of a scan rows × columns × 2. */
  image(): Promise<{ image: RealResult; shape: Shape }>;
  dispose(): void;
}

/** A problem, and how to begin with it. */
export interface Problem {
  opened: Opened;
  open(settings: Settings): Promise<Run>;
}

/** Lets comparing with an original take at most a tenth of the time. */
export class Comparing {
  #after = 0;

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
