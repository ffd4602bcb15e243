/** Problems from examples and files. */
import {
  clean,
  estimateSupport,
  fftshift,
  inspect,
  inspectImage,
  simulate,
  type DetectorImage,
  type ErrorCode,
  type MaskArray,
  type Scan,
  type Shape,
} from 'rephase';
import camera from '../../camera.png';
import type { Opened, Source } from '../protocol.js';
import { supportOf } from '../outlines.js';
import type { Settings } from '../settings.js';
import { ImageRun } from './image.js';
import type { Problem } from './run.js';
import { SCANNED_PIXELS, exampleScan, scanProblem } from './scan.js';

interface ImageProblem {
  magnitudes: Float64Array;
  shape: Shape;
  mask?: Uint8Array;
  support: Uint8Array<ArrayBuffer>;
}

/** Files of these formats are photographs, unless the visitor says otherwise. */
const PHOTOGRAPHS = ['jpeg', 'bmp', 'pnm'];

export async function problemOf(source: Source, settings: Settings): Promise<Problem> {
  if ('example' in source) {
    const photograph = await (await fetch(camera)).blob();
    if (source.example === 'scan') return exampleScan(await greyOf(photograph, SCANNED_PIXELS));
    return simulated('A photograph', await greyOf(photograph, settings.size), settings);
  }
  const { file, as } = source;
  if (as === 'photograph') return simulated(file.name, await photographOf(file, settings.size), settings);
  // Reading files takes code that nobody else needs.
  const { decodeImage, decodeScan, detectFormat } = await import('rephase/formats');
  const bytes = new Uint8Array(await file.arrayBuffer());
  const format = detectFormat(bytes);
  // Browsers read photographs of more kinds.
  const onlyBrowsers = format === undefined && file.type.startsWith('image/');
  if (as === 'auto' && (onlyBrowsers || (format && PHOTOGRAPHS.includes(format)))) {
    return simulated(file.name, await photographOf(file, settings.size), settings);
  }
  const scan = format === 'hdf5' && (await ifScan(() => decodeScan(bytes)));
  if (scan) return scanProblem(file.name, scan);
  const { data, shape, mask } = await decodeImage(bytes);
  const image = { data, shape };
  // A PNG may be either. The pattern of a real image is symmetric about its middle or its corner, a photograph is not.
  if (as === 'auto' && format === 'png' && isAsymmetric(image, mask)) {
    return simulated(file.name, reduced(image, settings.size), settings);
  }
  return patternOf(file.name, image, mask, settings);
}

/** The scan, or undefined where the file is none. */
async function ifScan(decode: () => Promise<Scan>): Promise<Scan | undefined> {
  try {
    return await decode();
  } catch (error) {
    const code: ErrorCode = 'FILE_FORMAT';
    if ((error as { code?: unknown }).code === code) return undefined;
    throw error;
  }
}

function isAsymmetric(image: DetectorImage, mask: MaskArray | undefined): boolean {
  return inspectImage(image, { mask }).warnings.some(({ code }) => code === 'ASYMMETRIC');
}

/** What would be measured of a photograph. */
async function simulated(title: string, image: DetectorImage, settings: Settings): Promise<Problem> {
  const { pad, photons, beamstop } = settings;
  const { magnitudes, shape, mask, support } = await simulate({
    image: image.data,
    shape: image.shape,
    pad,
    ...(photons < Infinity && { photons }),
    ...(beamstop > 0 && { beamstop }),
    seed: settings.seed,
  });
  const truth = new Float32Array(magnitudes.length);
  const [rows, columns] = image.shape;
  for (let row = 0; row < rows; row++) {
    truth.set(image.data.subarray(row * columns, (row + 1) * columns), row * shape[1]);
  }
  const problem = { magnitudes, shape, ...(mask && { mask }), support: chosenSupport(settings, shape, () => support) };
  return imageProblem(title, problem, [], truth);
}

/** A file's pattern, taken for what it looks like. */
function patternOf(title: string, image: DetectorImage, mask: MaskArray | undefined, settings: Settings): Problem {
  const { intensity, centered } = inspectImage(image, { mask });
  const { magnitudes, shape, mask: measured, done } = clean(image, { intensity, centered, mask, clean: true });
  const estimated = () => estimateSupport({ magnitudes, shape, mask: measured }).support;
  const problem = {
    magnitudes,
    shape,
    ...(measured && { mask: measured }),
    support: chosenSupport(settings, shape, estimated),
  };
  const taken = `taken for ${intensity ? 'intensities' : 'magnitudes'}, zero frequency ${centered ? 'in the middle' : 'at the corner'}`;
  return imageProblem(title, problem, [taken, ...done]);
}

function imageProblem(
  title: string,
  problem: ImageProblem,
  done: string[],
  truth?: Float32Array<ArrayBuffer>,
): Problem {
  const { magnitudes, shape, mask, support } = problem;
  const measured = Float32Array.from(magnitudes, (value, k) => (mask?.[k] === 0 ? NaN : value));
  const opened: Opened = {
    ...{ kind: 'opened', of: 'image', title, shape, patternShape: shape },
    pattern: fftshift(measured, shape),
    support: support.slice(),
    ...(truth && { truth: truth.slice() }),
    ...{ warnings: inspect(problem).warnings, done },
  };
  return { opened, open: (settings) => ImageRun.open(problem, settings, truth) };
}

function chosenSupport(
  settings: Settings,
  shape: Shape,
  automatic: () => Uint8Array<ArrayBuffer>,
): Uint8Array<ArrayBuffer> {
  switch (settings.support) {
    case 'automatic':
      return automatic();
    case 'none':
      return new Uint8Array(shape[0] * shape[1]).fill(1);
    case 'drawn': {
      const drawn = supportOf(settings.outlines, shape);
      return drawn.includes(1) ? drawn : automatic();
    }
    case 'rectangle': {
      const [rows, columns] = [Math.min(settings.rows, shape[0]), Math.min(settings.columns, shape[1])];
      const support = new Uint8Array(shape[0] * shape[1]);
      for (let row = 0; row < rows; row++) support.fill(1, row * shape[1], row * shape[1] + columns);
      return support;
    }
  }
}

/** A photograph as the browser reads it, or else as the library does. */
async function photographOf(file: File, size: number): Promise<DetectorImage> {
  try {
    return await greyOf(file, size);
  } catch {
    const { decodeImage } = await import('rephase/formats');
    return reduced(await decodeImage(new Uint8Array(await file.arrayBuffer())), size);
  }
}

/** Brightness, by the weights of Rec. 709. */
const WEIGHTS = [0.2126, 0.7152, 0.0722];

async function greyOf(blob: Blob, size: number): Promise<DetectorImage> {
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d')!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  const grey = Float32Array.from({ length: width * height }, (_, i) =>
    WEIGHTS.reduce((sum, weight, channel) => sum + weight * data[4 * i + channel], 0),
  );
  return reduced({ data: grey, shape: [height, width] }, size);
}

/** Joins pixels to their mean, so that the longest side has `size` pixels. Smaller images stay as they are. */
function reduced({ data, shape }: DetectorImage, size: number): DetectorImage {
  const factor = Math.max(...shape) / size;
  if (factor <= 1) return { data, shape };
  const [rows, columns] = shape.map((length) => Math.max(1, Math.round(length / factor)));
  const small = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const [top, bottom] = span(row, rows, shape[0]);
    for (let column = 0; column < columns; column++) {
      const [left, right] = span(column, columns, shape[1]);
      let sum = 0;
      for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) sum += data[y * shape[1] + x];
      small[row * columns + column] = sum / ((bottom - top) * (right - left));
    }
  }
  return { data: small, shape: [rows, columns] };
}

/** Which of `length` pixels become the one at `index` of `count`. */
function span(index: number, count: number, length: number): [from: number, to: number] {
  return [Math.floor((index * length) / count), Math.floor(((index + 1) * length) / count)];
}
