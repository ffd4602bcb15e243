/** What can be said of a scan before it is reconstructed, and what looks wrong with it. */
import { inspectScan } from '../../inspect/scan.js';
import { usableOf } from '../../inspect/pattern.js';
import type { Scan } from '../../scan-types.js';
import { type Illumination, illumination } from '../../tools/illumination.js';
import { guessProbe } from '../../tools/guess-probe.js';
import type { RealArray, Shape } from '../../types.js';
import type { Warning } from '../../warnings.js';
import { brief } from '../print.js';
import { isMark } from './clean.js';

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
  /** Median distance to the nearest other position, in pixels of the object; NaN where there is no other place. */
  step: number;
  /** How far positions reach. */
  span: readonly [number, number];
  objectShape: Shape;
  /** Pixels: the width of a disc with the beam's effective area. */
  beam: number;
  /** The beam is the file's, or of a defocus that was given. Otherwise it is guessed in focus, which is the narrowest. */
  beamIsKnown: boolean;
  /** Share of the beam's width by which neighbours overlap; NaN where `step` is. */
  overlap: number;
  warnings: Warning[];
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
  const usable = usableOf(mask, pixels);
  // Of all pixels: where the light is tells whether the mask is right.
  const everywhere = new Float64Array(pixels);
  const greatestOf = new Float64Array(pixels);
  const totals = new Float64Array(count);
  let [least, greatest, whole] = [Infinity, -Infinity, true];
  for (let i = 0; i < patterns.length; i++) {
    const [pixel, value] = [i % pixels, patterns[i]];
    if (!usable[pixel]) {
      if (value > 0 && value < Infinity && !isMark(value)) everywhere[pixel] += value;
      continue;
    }
    [least, greatest] = [Math.min(least, value), Math.max(greatest, value)];
    whole &&= Number.isInteger(value);
    everywhere[pixel] += value;
    if (value > greatestOf[pixel]) greatestOf[pixel] = value;
    totals[Math.floor(i / pixels)] += value;
  }
  const sums = everywhere.map((sum, i) => sum * usable[i]);
  const first = totals.reduce((best, total, j) => (total > totals[best] ? j : best), 0) * pixels;
  const brightest = Float64Array.from(patterns.subarray(first, first + pixels), (value, i) => (usable[i] ? value : 0));
  const span = [0, 1].map((axis) => extentOf(positions, axis)) as [number, number];
  const nearest = nearestSteps(positions, span[0] > span[1] ? 0 : 1);
  const [step, beam] = [medianOf(nearest), widthOf(probe, pixels)];
  const facts: ScanFacts = {
    ...{
      patterns: count,
      shape,
      least,
      greatest,
      whole,
      counts: totals.reduce((sum, total) => sum + total, 0) / count,
    },
    measured: usable.reduce((measured, is) => measured + is, 0) / pixels,
    ...{ step, span, objectShape: light.shape, beam, beamIsKnown, overlap: 1 - step / beam, warnings: [] },
  };
  facts.warnings.push(
    ...inspectScan({ shape, usable, sums: everywhere, greatest: greatestOf, brightest, whole }),
    ...warningsOf(scan, facts, totals, nearest),
  );
  return { facts, light, probe, sums };
}

/** Below this overlap, neighbours hold each other too loosely; 60 to 70 % is usual (Bunk et al., Ultramicroscopy 108, 481, 2008). */
const LITTLE_OVERLAP = 0.4;
/** Pixels: positions that reach no further, or are no further apart, are rather in another unit than of a scan. */
const LITTLE_REACH = 3;
const LITTLE_STEP = 0.1;
/** A pattern is empty below this share of the median total. */
const EMPTY = 0.01;
/** Photons of a higher energy are no beam of a microscope, but electrons have such wavelengths. */
const HIGHEST_KEV = 150;

function warningsOf(scan: Scan, facts: ScanFacts, totals: Float64Array, nearest: Float64Array): Warning[] {
  const { beamIsKnown } = facts;
  const warnings: Warning[] = positionWarnings(facts, nearest);
  if (!beamIsKnown) {
    const message =
      'probe: none is known, and one that is guessed in focus fits a focused beam only: --defocus says how far the object was from the focus, --guess finds out';
    warnings.push({ code: 'PROBE_UNKNOWN', message, option: '--guess' });
  }
  const median = totals.toSorted()[totals.length >> 1];
  const empty = [...totals.keys()].filter((j) => totals[j] < EMPTY * median);
  if (empty.length > 0) {
    const message = `patterns: ${empty.length} of ${totals.length} hold less than a hundredth of the light of the others, number ${empty[0]} first: was the beam off?`;
    warnings.push({ code: 'DARK_PATTERNS', message, value: empty.length });
  }
  const keV = scan.wavelength === undefined ? 0 : photonKeV(scan.wavelength);
  if (keV > HIGHEST_KEV) {
    const message = `wavelength: ${brief(scan.wavelength!)} m are photons of ${brief(keV)} keV, or electrons of ${brief(electronKeV(scan.wavelength!))} keV: is it in another unit?`;
    warnings.push({ code: 'WAVELENGTH', message, value: scan.wavelength!, option: '--wavelength' });
  }
  return warnings;
}

function positionWarnings(facts: ScanFacts, nearest: Float64Array): Warning[] {
  const { patterns, step, span, shape, beam, beamIsKnown, overlap } = facts;
  if (patterns === 1) {
    const message =
      'positions: there is one, so no pattern overlaps with another, and one alone does not tell object from probe';
    return [{ code: 'NO_OVERLAP', message }];
  }
  const apart = `positions: neighbours lie ${brief(step)} pixels apart`;
  if (step > Math.min(...shape)) {
    const message = `${apart}, and a pattern is ${shape.join('×')}: patches do not overlap, so is the unit another?`;
    return [{ code: 'NO_OVERLAP', message, value: step }];
  }
  if (Math.max(...span) < LITTLE_REACH || step < LITTLE_STEP) {
    const near = Number.isNaN(step) ? '' : `, and neighbours lie ${brief(step)} apart`;
    const message = `positions: they reach over ${span.map(brief).join(' × ')} pixels${near}: is distance, pixel or the positions in another unit?`;
    return [{ code: 'POSITIONS_NEAR', message, value: step }];
  }
  if (beamIsKnown && overlap <= 0) {
    const message = `${apart}, and the beam is ${brief(beam)} wide: it does not overlap, and nothing ties patches together`;
    return [{ code: 'NO_OVERLAP', message, value: step }];
  }
  const warnings: Warning[] = [];
  if (beamIsKnown && overlap < LITTLE_OVERLAP) {
    const message = `positions: neighbours overlap by ${percent(overlap)} of the beam; 60 % and more is usual`;
    warnings.push({ code: 'LITTLE_OVERLAP', message, value: overlap });
  }
  // A beam that was guessed in focus is narrower than the true one may be.
  const reach = beamIsKnown ? beam : Math.min(...shape);
  const stray = [...nearest.keys()].filter((j) => nearest[j] > reach);
  if (stray.length > 0) {
    const message = `positions: ${stray.length} of ${nearest.length} lie further from all others than ${beamIsKnown ? 'the beam' : 'a pattern'} is wide, number ${stray[0]} first: nothing ties their patches to the rest`;
    warnings.push({ code: 'STRAY_POSITIONS', message, value: stray.length });
  }
  return warnings;
}

export const percent = (share: number) => `${Math.round(100 * share)} %`;

/** h·c in keV·m. */
const HC = 1.2398419843320026e-9;
/** The energy of an electron at rest. */
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

/** Positions nearer than this are one place that was measured twice. */
const SAME_PLACE = 0.01;

/**
 * From each position to the nearest other place; Infinity where there is none. `along` is the axis along which positions reach
 * furthest: sorted by it, few lie as near in it alone as the nearest that was found.
 */
function nearestSteps(positions: RealArray, along: 0 | 1): Float64Array {
  const count = positions.length / 2;
  const place = (j: number) => positions[2 * j + along];
  const order = Uint32Array.from({ length: count }, (_, j) => j).sort((a, b) => place(a) - place(b));
  const nearest = new Float64Array(count).fill(Infinity);
  const search = (at: number, step: -1 | 1) => {
    const j = order[at];
    for (let other = at + step; other >= 0 && other < count; other += step) {
      const k = order[other];
      const away = place(k) - place(j);
      if (Math.abs(away) >= nearest[j]) return;
      const distance = Math.hypot(away, positions[2 * k + 1 - along] - positions[2 * j + 1 - along]);
      if (distance > SAME_PLACE && distance < nearest[j]) nearest[j] = distance;
    }
  };
  for (let at = 0; at < count; at++) {
    search(at, -1);
    search(at, 1);
  }
  return nearest;
}

function medianOf(nearest: Float64Array): number {
  const middle = nearest.toSorted()[nearest.length >> 1];
  return Number.isFinite(middle) ? middle : NaN;
}

/** (Σ power)² / Σ power² is the area of a beam that is a disc. */
function widthOf(probe: RealArray, pixels: number): number {
  const power = new Float64Array(pixels);
  for (let i = 0; i < probe.length; i++) power[(i >> 1) % pixels] += probe[i] ** 2;
  const [sum, squares] = power.reduce(([a, b], value) => [a + value, b + value * value], [0, 0]);
  return 2 * Math.sqrt((sum * sum) / squares / Math.PI);
}
