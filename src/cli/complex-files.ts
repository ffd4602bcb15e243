/** The files of a complex object: its numbers, or pictures of sizes and phases. */
import type { EncodeOptions } from '../formats/index.js';
import { magnitude, phase as phaseOf } from '../tools/complex-images.js';
import { unwrapPhase } from '../tools/unwrap.js';
import type { MaskArray, RealArray, Shape } from '../types.js';
import { type Image, holdsComplex, isPng, writeComplexOutput, writeOutput } from './files.js';

export interface ComplexOutputs {
  /** Complex numbers where the ending is that of a format which holds them, otherwise the sizes. */
  images: readonly (string | undefined)[];
  /** The phases. */
  phase?: string | undefined;
  /** Those without jumps of 2π. */
  unwrap?: boolean | undefined;
  bits?: '8' | '16' | undefined;
  /** For CXI. */
  settings?: EncodeOptions['settings'];
}

export interface FoundObject {
  feasible: RealArray;
  shape: Shape;
  support: MaskArray | undefined;
}

export async function writeComplexFiles(
  { images, phase, unwrap, bits, settings }: ComplexOutputs,
  found: FoundObject,
): Promise<void> {
  const { feasible, shape } = found;
  for (const path of images) {
    if (path === undefined) continue;
    if (holdsComplex(path)) await writeComplexOutput(path, { data: feasible, shape }, { settings });
    else await writeOutput(path, { data: magnitude(feasible), shape }, encodingOf(path, bits));
  }
  if (phase === undefined) return;
  // The extent of unwrapped phases is their own.
  const range = isPng(phase) && !unwrap && { range: [-Math.PI, Math.PI] as const };
  const image = unwrap ? unwrapped(found) : { data: phaseOf(feasible), shape };
  await writeOutput(phase, image, { ...encodingOf(phase, bits), ...range });
}

/** The phase without jumps of 2π, NaN outside the support. */
export function unwrapped({ feasible, shape, support }: FoundObject): Image {
  return { data: unwrapPhase(phaseOf(feasible), shape, { support }), shape };
}

/** Only PNG rounds numbers to so many bits. */
export function encodingOf(path: string, bits: ComplexOutputs['bits']): EncodeOptions {
  return bits === undefined || !isPng(path) ? {} : { bits: bits === '16' ? 16 : 8 };
}
