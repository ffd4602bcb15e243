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
  type ObjectKind,
  type RealArray,
  type Scan,
  type Shape,
} from 'rephase';
import camera from '../../camera.png';
import type { Opened, Source } from '../protocol.js';
import { supportOf } from '../outlines.js';
import type { Settings } from '../settings.js';
import { ImageRun } from './image.js';
import { amplitudes, seen, type Problem } from './run.js';
import { SCANNED_PIXELS, exampleScan, scanProblem } from './scan.js';

interface ImageProblem {
  magnitudes: Float64Array;
  shape: Shape;
  object: ObjectKind;
  mask?: Uint8Array;
  support: Uint8Array<ArrayBuffer>;
}

/** Files of these formats are photographs, unless the visitor says otherwise. */
const PHOTOGRAPHS = ['jpeg', 'bmp', 'pnm'];

export async function problemOf(source: Source, settings: Settings): Promise<Problem> {
  if ('example' in source) {
    const photograph = await (await fetch(camera)).blob();
    if (source.example === 'scan') return exampleScan(await greyOf(photograph, SCANNED_PIXELS));
    const image = await greyOf(photograph, settings.size);
    return source.example === 'complex'
      ? simulatedComplex('A photograph, and its mirror image as phases', image, settings)
      : simulated('A photograph', image, settings);
  }
  const { file, as } = source;
  const ofPhotograph = (image: DetectorImage) =>
    (settings.object === 'complex' ? simulatedComplex : simulated)(file.name, image, settings);
  if (as === 'photograph') return ofPhotograph(await photographOf(file, settings.size));
  // Reading files takes code that nobody else needs.
  const { decodeImage, decodeScan, detectFormat } = await import('rephase/formats');
  const bytes = new Uint8Array(await file.arrayBuffer());
  const format = detectFormat(bytes);
  // Browsers read photographs of more kinds.
  const onlyBrowsers = format === undefined && file.type.startsWith('image/');
  if (as === 'auto' && (onlyBrowsers || (format && PHOTOGRAPHS.includes(format)))) {
    return ofPhotograph(await photographOf(file, settings.size));
  }
  const scan = format === 'hdf5' && (await ifScan(() => decodeScan(bytes)));
  if (scan) return scanProblem(file.name, scan);
  const { data, shape, mask } = await decodeImage(bytes);
  const image = { data, shape };
  // A PNG may be either. The pattern of a real image is symmetric about its middle or its corner, a photograph is not.
  if (as === 'auto' && format === 'png' && isAsymmetric(image, mask)) {
    return ofPhotograph(reduced(image, settings.size));
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
  const { support, ...pattern } = await simulate({ image: image.data, shape: image.shape, ...detector(settings) });
  const { shape } = pattern;
  const problem = { ...pattern, object: 'real', support: chosenSupport(settings, shape, () => support) } as const;
  return imageProblem(title, problem, [], padded(image.data, image.shape, shape));
}

/** An object as bright as the photograph that delays light as its mirror image does, cut out without symmetry. */
async function simulatedComplex(title: string, { data, shape: inner }: DetectorImage, settings: Settings) {
  const [rows, columns] = inner;
  const brightest = Float32Array.from(data).reduce((a, b) => Math.max(a, b), 0) || 1;
  const object = new Float64Array(2 * rows * columns);
  const inside = Float64Array.from({ length: rows * columns }, (_, i) => {
    const [y, x] = [Math.floor(i / columns), i % columns];
    return isInOutline((y + 0.5) / rows, (x + 0.5) / columns) ? 1 : 0;
  });
  inside.forEach((isIn, i) => {
    const column = i % columns;
    const amplitude = isIn * (DARKEST + ((1 - DARKEST) * data[i]) / brightest);
    const phase = (PHASES * data[i + columns - 1 - 2 * column]) / brightest;
    object.set([amplitude * Math.cos(phase), amplitude * Math.sin(phase)], 2 * i);
  });
  const pattern = await simulate({ image: object, shape: inner, object: 'complex', ...detector(settings) });
  const { shape } = pattern;
  const outline = () => Uint8Array.from(padded(inside, inner, shape));
  const problem = { ...pattern, object: 'complex', support: chosenSupport(settings, shape, outline) } as const;
  return imageProblem(title, problem, [], padded(object, inner, shape));
}

/** Of an example's complex object: the amplitude of black, and the phase of white in radians. */
const [DARKEST, PHASES] = [0.3, 2.5];

/** A square with cut corners, from 0 to 1: turned by 180° it is another, so that the twin does not fit. */
function isInOutline(y: number, x: number): boolean {
  return x + 0.3 * y < 1 && x > 0.12 * (1 - y) && (y > 0.25 || x < 0.72);
}

/** What settings say of the detector, as `simulate` takes it. */
function detector({ pad, photons, beamstop, seed }: Settings) {
  return { pad, seed, ...(photons < Infinity && { photons }), ...(beamstop > 0 && { beamstop }) };
}

/** The image, real or interleaved, with zeros to its right and below. */
function padded(image: RealArray, [rows, columns]: Shape, shape: Shape): Float32Array<ArrayBuffer> {
  const numbers = image.length / (rows * columns);
  const all = new Float32Array(numbers * shape[0] * shape[1]);
  for (let row = 0; row < rows; row++) {
    all.set(image.subarray(numbers * row * columns, numbers * (row + 1) * columns), numbers * row * shape[1]);
  }
  return all;
}

/** A file's pattern, taken for what it looks like. */
function patternOf(title: string, image: DetectorImage, mask: MaskArray | undefined, settings: Settings): Problem {
  const { intensity, centered } = inspectImage(image, { mask });
  const { magnitudes, shape, mask: measured, done } = clean(image, { intensity, centered, mask, clean: true });
  const estimated = () => estimateSupport({ magnitudes, shape, mask: measured }).support;
  const problem = {
    magnitudes,
    shape,
    object: settings.object,
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
  const { magnitudes, shape, mask, support, object } = problem;
  const isComplex = object === 'complex';
  const measured = Float32Array.from(magnitudes, (value, k) => (mask?.[k] === 0 ? NaN : value));
  const opened: Opened = {
    ...{ kind: 'opened', of: isComplex ? 'complex' : 'image', title, shape, patternShape: shape },
    pattern: fftshift(measured, shape),
    support: support.slice(),
    ...(truth && { truth: isComplex ? partsOf(truth) : { image: truth, iterate: truth } }),
    done,
  };
  return {
    opened,
    inspect: () => inspect(problem).warnings,
    open: (settings) => ImageRun.open(problem, settings, truth),
  };
}

/** Phases where there is an object, and amplitudes. */
function partsOf(object: Float32Array): Opened['truth'] {
  const amplitude = amplitudes(object);
  return { phase: seen(object, 'phase', amplitude), amplitude: seen(object, 'amplitude', amplitude) };
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
