/** The options of `rephase ptycho` and its outcome, which its output and its report share. */
import type { PatternPlace, Scan, ScanAlgorithm, ScanReconstruction } from '../../scan-types.js';
import type { Illumination } from '../../tools/illumination.js';
import type { BackendName, Precision } from '../../types.js';
import type { LiveOptions } from '../live/live.js';
import type { Looked } from './facts.js';
import type { ScanInputOptions } from './input.js';
import type { LitImage } from './pictures.js';

export interface PtychoOptions extends ScanInputOptions, LiveOptions {
  output?: string;
  algorithm: ScanAlgorithm;
  iterations: number;
  alpha?: number;
  beta?: number;
  batch?: number;
  modes?: number;
  probeFrom?: number;
  positionsFrom?: number;
  keepPatterns?: PatternPlace;
  seed: number;
  backend: BackendName | 'auto';
  device?: number;
  precision: Precision;
  report?: string;
  checkpoint?: string;
  checkpointEvery?: number;
  resume?: string;
  json?: boolean;
}

/** A finished or interrupted run. */
export interface ScanOutcome {
  path: string;
  /** As it was given to `retrieve`. */
  scan: Scan;
  looked: Looked;
  notes: readonly string[];
  guesses: readonly string[];
  /** Iterations before this run. */
  first: number;
  /** The command that repeats the run. */
  command: string;
  result: ScanReconstruction;
}

/** What the outcome looks like. */
export interface Seen {
  light: Illumination;
  phase: LitImage;
  amplitude: LitImage;
}

/** √(pixels with light / 4 counts): the residual that counting noise leaves where counts are not few. */
export function noiseFloor({ patterns, shape, mask }: Scan): number {
  const pixels = shape[0] * shape[1];
  let [lit, counts] = [0, 0];
  for (let i = 0; i < patterns.length; i++) {
    if (mask && !mask[i % pixels]) continue;
    lit += Number(patterns[i] > 0);
    counts += patterns[i];
  }
  return Math.sqrt(lit / (4 * counts));
}

/** The share of the power that each mode has. */
export function shares({ probe, modes }: ScanReconstruction): number[] {
  const powers = new Float64Array(modes);
  for (let i = 0; i < probe.length; i++) powers[Math.floor((i * modes) / probe.length)] += probe[i] ** 2;
  const all = powers.reduce((sum, power) => sum + power, 0);
  return Array.from(powers, (power) => power / all);
}

/** The positions that were given, shifted as a whole to where the corrected ones are. */
export function givenPositions({ looked, result }: ScanOutcome): Float64Array {
  const given = looked.light.positions;
  const sums = [0, 0];
  result.positions.forEach((place, i) => (sums[i % 2] += place - given[i]));
  return given.map((place, i) => place + (2 * sums[i % 2]) / given.length);
}
