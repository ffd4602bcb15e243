/** What can be said of a scan before it is reconstructed, and what looks wrong with it. */
import type { Scan } from '../../scan-types.js';
import { type Illumination, illumination } from '../../tools/illumination.js';
import { guessProbe } from '../../tools/guess-probe.js';
import type { RealArray, Shape } from '../../types.js';
import { brief } from '../print.js';

export interface ScanFacts {
  patterns: number;
  shape: Shape;
  /** Least and greatest count, and whether all are whole. */
  least: number;
  greatest: number;
  whole: boolean;
  /** Mean counts of a pattern. */
  counts: number;
  /** Share of pixels that were measured. */
  measured: number;
  /** Median distance to the nearest other position, in pixels of the object; NaN for one position. */
  step: number;
  /** How far positions reach. */
  span: readonly [number, number];
  objectShape: Shape;
  /** Pixels: the width of a disc with the beam's effective area. */
  beam: number;
  /** The beam is the file's, or of a defocus that was given. Otherwise it is guessed in focus, which is the narrowest. */
  beamIsKnown: boolean;
  /** Share of the beam's width by which neighbours overlap. */
  overlap: number;
  warnings: string[];
}

export interface Looked {
  facts: ScanFacts;
  light: Illumination;
  /** The beam that the facts are about. Interleaved. */
  probe: RealArray;
  /** Counts of all patterns together. */
  sums: Float64Array;
}

/** @throws InvalidArgumentError for what `retrieve` does not take either */
export async function lookAtScan(scan: Scan, beamIsKnown: boolean): Promise<Looked> {
  const { patterns, shape, positions, mask } = scan;
  const probe = scan.probe ?? (await guessProbe(scan));
  const light = await illumination({ ...scan, probe });
  const pixels = shape[0] * shape[1];
  const count = patterns.length / pixels;
  const sums = new Float64Array(pixels);
  const totals = new Float64Array(count);
  let [least, greatest, whole] = [Infinity, -Infinity, true];
  for (let i = 0; i < patterns.length; i++) {
    const pixel = i % pixels;
    if (mask && !mask[pixel]) continue;
    const value = patterns[i];
    [least, greatest] = [Math.min(least, value), Math.max(greatest, value)];
    whole &&= Number.isInteger(value);
    sums[pixel] += value;
    totals[Math.floor(i / pixels)] += value;
  }
  const span = [0, 1].map((axis) => extentOf(positions, axis)) as [number, number];
  const [step, beam] = [nearestStep(positions), widthOf(probe, pixels)];
  const facts: ScanFacts = {
    ...{
      patterns: count,
      shape,
      least,
      greatest,
      whole,
      counts: totals.reduce((sum, total) => sum + total, 0) / count,
    },
    measured: sums.reduce((measured, _, i) => measured + Number(!mask || mask[i]), 0) / pixels,
    ...{ step, span, objectShape: light.shape, beam, beamIsKnown, overlap: 1 - step / beam, warnings: [] },
  };
  facts.warnings.push(...warningsOf(scan, facts, totals, sums));
  return { facts, light, probe, sums };
}

/** Below this overlap, neighbours hold each other too loosely; 60 to 70 % is usual (Bunk et al., Ultramicroscopy 108, 481, 2008). */
const LITTLE_OVERLAP = 0.4;
/** Of the median total. */
const EMPTY = 0.01;
/** Photons of a higher energy are no beam of a microscope, but electrons have such wavelengths. */
const HIGHEST_KEV = 150;

function warningsOf(scan: Scan, facts: ScanFacts, totals: Float64Array, sums: Float64Array): string[] {
  const { step, shape, beam, beamIsKnown, overlap } = facts;
  const warnings: string[] = [];
  if (step > Math.min(...shape)) {
    warnings.push(
      `positions: neighbours lie ${brief(step)} pixels apart, and a pattern is ${shape.join('×')}: patches do not overlap, so is the unit another?`,
    );
  } else if (beamIsKnown && overlap <= 0) {
    warnings.push(
      `positions: neighbours lie ${brief(step)} pixels apart, and the beam is ${brief(beam)} wide: it does not overlap, and nothing ties patches together`,
    );
  } else if (beamIsKnown && overlap < LITTLE_OVERLAP) {
    warnings.push(`positions: neighbours overlap by ${percent(overlap)} of the beam; 60 % and more is usual`);
  }
  if (!beamIsKnown) {
    warnings.push(
      'probe: none is known, and one that is guessed in focus fits a focused beam only: --defocus says how far the object was from the focus, --guess finds out',
    );
  }
  const median = totals.toSorted()[totals.length >> 1];
  const empty = [...totals.keys()].filter((j) => totals[j] < EMPTY * median);
  if (empty.length > 0) {
    warnings.push(
      `patterns: ${empty.length} of ${totals.length} hold less than a hundredth of the light of the others, number ${empty[0]} first: was the beam off?`,
    );
  }
  const away = centreOf(sums, shape);
  if (away.some((distance, axis) => Math.abs(distance) > shape[axis] / 8)) {
    const place = away.map((distance, axis) => brief((shape[axis] >> 1) + distance));
    warnings.push(
      `patterns: the middle of their light is at row ${place[0]}, column ${place[1]} of the detector, and the zero frequency was taken to be at ${shape[0] >> 1}, ${shape[1] >> 1}`,
    );
  }
  const keV = scan.wavelength === undefined ? 0 : photonKeV(scan.wavelength);
  if (keV > HIGHEST_KEV) {
    warnings.push(
      `wavelength: ${brief(scan.wavelength!)} m are photons of ${brief(keV)} keV, or electrons of ${brief(electronKeV(scan.wavelength!))} keV: is it in another unit?`,
    );
  }
  return warnings;
}

export const percent = (share: number) => `${Math.round(100 * share)} %`;

/** h·c in keV·m. */
const HC = 1.2398419843320026e-9;
/** Of an electron at rest. */
const REST_KEV = 510.99895;

export function photonKeV(wavelength: number): number {
  return HC / wavelength;
}

/** The kinetic energy, by (E + mc²)² = (pc)² + (mc²)². */
export function electronKeV(wavelength: number): number {
  return Math.hypot(HC / wavelength, REST_KEV) - REST_KEV;
}

function extentOf(positions: RealArray, axis: number): number {
  let [least, most] = [Infinity, -Infinity];
  for (let i = axis; i < positions.length; i += 2) {
    [least, most] = [Math.min(least, positions[i]), Math.max(most, positions[i])];
  }
  return most - least;
}

/** So many positions are asked for their neighbours. */
const MOST_ASKED = 2000;
/** Positions nearer than this are one place that was measured twice. */
const SAME_PLACE = 0.01;

function nearestStep(positions: RealArray): number {
  const count = positions.length / 2;
  const steps: number[] = [];
  for (let j = 0; j < count; j += Math.ceil(count / MOST_ASKED)) {
    let nearest = Infinity;
    for (let k = 0; k < count; k++) {
      const distance = Math.hypot(positions[2 * j] - positions[2 * k], positions[2 * j + 1] - positions[2 * k + 1]);
      if (distance > SAME_PLACE && distance < nearest) nearest = distance;
    }
    steps.push(nearest);
  }
  const [middle] = steps.sort((a, b) => a - b).slice(steps.length >> 1);
  return Number.isFinite(middle) ? middle : NaN;
}

/** (Σ power)² / Σ power² is the area of a beam that is a disc. */
function widthOf(probe: RealArray, pixels: number): number {
  const power = new Float64Array(pixels);
  for (let i = 0; i < probe.length; i++) power[(i >> 1) % pixels] += probe[i] ** 2;
  const [sum, squares] = power.reduce(([a, b], value) => [a + value, b + value * value], [0, 0]);
  return 2 * Math.sqrt((sum * sum) / squares / Math.PI);
}

/** Rows and columns by which the centre of mass is away from the zero frequency at [0, 0], around the edges. */
function centreOf(sums: Float64Array, [rows, columns]: Shape): [number, number] {
  let [total, down, right] = [0, 0, 0];
  for (let i = 0; i < sums.length; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    total += sums[i];
    down += sums[i] * (row < rows / 2 ? row : row - rows);
    right += sums[i] * (column < columns / 2 ? column : column - columns);
  }
  return [down / total, right / total];
}
