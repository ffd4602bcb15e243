/** `rephase simulate --scan`: a ptychographic scan of a photograph, as an X-ray microscope would record it. */
import { extname } from 'node:path';
import { writeBytes, writeScan } from '../formats/files.js';
import { encodeComplexNpy } from '../formats/npy.js';
import { uniform } from '../random.js';
import { guessProbe } from '../tools/guess-probe.js';
import { simulateScan } from '../tools/simulate-scan.js';
import type { Shape } from '../types.js';
import { UsageError, usage } from './exit.js';
import { type Image, type InputOptions, besides, checkDistinct, checkOutput, readInput } from './files.js';
import { interruptible } from './interrupt.js';
import { brief, printer } from './print.js';

export interface SimulateScanOptions extends InputOptions {
  output: string;
  scan: Shape;
  step: number;
  detector: Shape;
  defocus: number;
  wavelength: number;
  distance: number;
  pixel: readonly [number, number];
  photons?: number;
  seed: number;
  json?: boolean;
  quiet?: boolean;
}

/** The share of the detector's half that the lens lights. */
const APERTURE = 0.3;
/** Positions are off by up to this share of the step to each side: those on a regular grid leave a pattern of their own in the image. */
const JITTER = 0.15;
/** White in the photograph becomes so many radians, and leaves this share of the amplitude. */
const [PHASE, AMPLITUDE] = [-1.2, 0.9];

export async function runSimulateScan(path: string, options: SimulateScanOptions): Promise<void> {
  const { output, scan: grid, step, detector: shape, defocus, wavelength, distance, seed, photons } = options;
  if (!['.cxi', '.h5'].includes(extname(output).toLowerCase())) {
    throw usage('--output', output, 'a name in .cxi or .h5 with --scan');
  }
  const [objectPath, probePath] = [besides(output, 'object'), besides(output, 'probe')];
  for (const [what, file, endings] of [
    ['--output', output, ['.cxi', '.h5']],
    ['the object of --output', objectPath, ['.npy']],
    ['the probe of --output', probePath, ['.npy']],
  ] as const) {
    await checkOutput(what, file, endings);
  }
  await checkDistinct(
    [{ what: 'the image', path }],
    [
      { what: '--output', path: output },
      { what: 'the object of --output', path: objectPath },
      { what: 'the probe of --output', path: probePath },
    ],
  );
  const out = printer(options);
  const image = await readInput(path, options);
  const reach = JITTER * step;
  const positions = Float64Array.from({ length: 2 * grid[0] * grid[1] }, (_, i) => {
    const cell = i % 2 ? (i >> 1) % grid[1] : Math.floor((i >> 1) / grid[1]);
    return reach + cell * step + reach * (2 * uniform(seed, 0, i) - 1);
  });
  const objectShape = grid.map((count, axis) => Math.ceil((count - 1) * step + 2 * reach) + shape[axis] + 1);
  const object = { data: specimen(image, objectShape as unknown as Shape), shape: objectShape as unknown as Shape };
  const pixel = shape.map((size, axis) => (wavelength * distance) / (size * options.pixel[axis])) as unknown as Shape;
  const lens = { patterns: aperture(shape), shape, positions: new Float64Array(2), pixel, wavelength };
  const probe = await guessProbe(lens, { defocus });
  const simulated = await simulateScan({ object, probe, shape, positions, photons, seed });
  await interruptible(async () => {
    // Without what is to be found.
    const { patterns } = simulated;
    await writeScan(output, { patterns, shape, positions, pixel, wavelength, distance });
    await writeBytes(objectPath, encodeComplexNpy(object.data, object.shape));
    await writeBytes(probePath, encodeComplexNpy(simulated.probe, shape));
  }, options);
  out.line(`${grid.join('×')} patterns of ${shape.join('×')}, pixel of the object ${pixel.map(brief).join(' × ')} m`);
  out.line(`wrote ${output}, and what is to be found: ${objectPath}, ${probePath}`);
  out.object({
    ...{ command: 'simulate', image: path, scan: output, object: objectPath, probe: probePath, shape, objectShape },
    ...{ positions: grid[0] * grid[1], step, photons, defocus, wavelength, distance, pixel, seed },
  });
}

/** A lens without central stop, its edge a pixel wide, the zero frequency at [0, 0]. */
function aperture([rows, columns]: Shape): Float64Array {
  const around = (index: number, size: number) => Math.min(index, size - index) / (size / 2);
  return Float64Array.from({ length: rows * columns }, (_, i) => {
    const radius = Math.hypot(around(Math.floor(i / columns), rows), around(i % columns, columns));
    return Math.min(1, Math.max(0, ((APERTURE - radius) * Math.min(rows, columns)) / 2 + 0.5));
  });
}

/** The photograph over the whole object, its longer side cut off evenly: white is thick. Interleaved. */
function specimen({ data, shape: [height, width] }: Image, [rows, columns]: Shape): Float64Array {
  let [black, white] = [Infinity, -Infinity];
  for (const value of data) [black, white] = [Math.min(black, value), Math.max(white, value)];
  if (!(white > black))
    throw new UsageError('the image has one value everywhere, and --scan takes one with something in it');
  const scale = Math.min(height / rows, width / columns);
  const at = (row: number, column: number) =>
    data[Math.min(height - 1, Math.floor(row)) * width + Math.min(width - 1, Math.floor(column))];
  const object = new Float64Array(2 * rows * columns);
  for (let i = 0; i < rows * columns; i++) {
    const y = (height - rows * scale) / 2 + Math.floor(i / columns) * scale;
    const x = (width - columns * scale) / 2 + (i % columns) * scale;
    const [down, right] = [y % 1, x % 1];
    const upper = at(y, x) * (1 - right) + at(y, x + 1) * right;
    const lower = at(y + 1, x) * (1 - right) + at(y + 1, x + 1) * right;
    const thickness = (upper * (1 - down) + lower * down - black) / (white - black);
    const size = AMPLITUDE ** thickness;
    object[2 * i] = size * Math.cos(PHASE * thickness);
    object[2 * i + 1] = size * Math.sin(PHASE * thickness);
  }
  return object;
}
