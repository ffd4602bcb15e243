/** What a caller may say about the image that is wanted from a file, and the limits that reading it keeps to. */
import { FileFormatError, InvalidArgumentError, gotTakes } from '../errors.js';
import { checkInteger, checkName, rejectUnknownKeys } from '../problems/options.js';
import type { ImageFormat } from './image.js';

/** What `decodeImage` and `readImage` take beside the file. */
export interface DecodeOptions {
  /**
   * For HDF5, MATLAB and npz files: the path of the dataset, or the variable's name. Default for HDF5: what NeXus'
   * `@default` and `@signal` name, CXI's `/entry_1/data_1/data`, or else the largest dataset that can be a pattern.
   */
  dataset?: string | undefined;
  /** The frame of a stack to take, counted from 0. Axes before the last two are counted as one. */
  frame?: number | undefined;
  /** What to make of a stack: `'sum'` or `'mean'` of all frames, or `'A:B'`, the sum of frames A to B − 1. */
  frames?: 'sum' | 'mean' | `${number}:${number}` | undefined;
  /**
   * `'mask'` reads which pixels were measured: data are 1 there and 0 elsewhere. The masks of CXI and NeXus, where zero is
   * good, are turned round; every other image counts as measured where it is not zero. Default: `'image'`.
   */
  as?: 'image' | 'mask' | undefined;
  /**
   * The most pixels of an image. Default: 2²⁹; of formats that compress, or pack several pixels into a byte, as many as can
   * be read within 56 MiB and 16 times the file's size, at 4 to 24 bytes a pixel.
   */
  maxPixels?: number | undefined;
  /**
   * For HDF5: the content of a file that this one refers to by a relative name, or undefined where it is missing.
   * `readImage` looks in the folder of its file.
   */
  sources?: ((name: string) => Uint8Array | undefined | Promise<Uint8Array | undefined>) | undefined;
}

const KEYS = [
  'dataset',
  'frame',
  'frames',
  'as',
  'maxPixels',
  'sources',
] as const satisfies readonly (keyof DecodeOptions)[];

/** @throws InvalidArgumentError */
export function checkDecodeOptions(options: DecodeOptions): void {
  rejectUnknownKeys('options', options, KEYS);
  const { dataset, frame, frames, as, maxPixels, sources } = options;
  if (dataset !== undefined && typeof dataset !== 'string') {
    throw new InvalidArgumentError('dataset', gotTakes('dataset', dataset, 'a path in an HDF5 file'));
  }
  if (frame !== undefined) checkInteger('frame', frame, 0);
  if (frames !== undefined) parseFrames(frames);
  if (frame !== undefined && frames !== undefined) {
    throw new InvalidArgumentError('frames', 'frames: got both frame and frames; takes one of them');
  }
  if (as !== undefined) checkName('as', as, ['image', 'mask']);
  if (maxPixels !== undefined) checkInteger('maxPixels', maxPixels, 1);
  if (sources !== undefined && typeof sources !== 'function') {
    throw new InvalidArgumentError('sources', gotTakes('sources', sources, 'a function from a name to bytes'));
  }
}

/** Frames from `from` up to, not including, `until`. */
export interface FrameRange {
  from: number;
  until: number;
  mean: boolean;
}

function parseFrames(frames: unknown): FrameRange {
  if (frames === 'sum' || frames === 'mean') return { from: 0, until: Infinity, mean: frames === 'mean' };
  const range = typeof frames === 'string' ? /^(\d{1,9}):(\d{1,9})$/.exec(frames) : null;
  const [from, until] = range ? [Number(range[1]), Number(range[2])] : [0, 0];
  if (from >= until) throw new InvalidArgumentError('frames', gotTakes('frames', frames, "'sum', 'mean', or 'A:B'"));
  return { from, until, mean: false };
}

/**
 * The frames that are wanted of `count`.
 * @throws FileFormatError when there are none, or several and none is named, InvalidArgumentError when there are not as many
 */
export function chooseFrames(
  { frame, frames }: DecodeOptions,
  count: number,
  format: ImageFormat,
  describe: () => string,
): FrameRange {
  if (count < 1) throw new FileFormatError(`${describe()} is a stack without frames`, { format });
  const range: FrameRange = frames === undefined ? { from: 0, until: 1, mean: false } : parseFrames(frames);
  if (frame !== undefined) [range.from, range.until] = [frame, frame + 1];
  else if (frames === undefined && count > 1) {
    const how = `name one (frame 0 to ${count - 1}), or add them up (frames sum, mean or A:B)`;
    throw new FileFormatError(`${describe()} is a stack of ${count} frames: ${how}`, { format });
  }
  if (range.until === Infinity) range.until = count;
  if (range.until > count) {
    const argument = frame === undefined ? 'frames' : 'frame';
    const takes = count === 1 ? 'frame 0, the only one' : `frames from 0 to ${count - 1}`;
    throw new InvalidArgumentError(argument, gotTakes(argument, frame ?? frames, `${takes}, of ${describe()}`));
  }
  return range;
}

/** The frame, or the sum or mean of frames, that `read` reads one by one. A sum is in double precision. */
export function combineFrames(
  { from, until, mean }: FrameRange,
  read: (frame: number) => Float32Array | Float64Array,
): Float32Array | Float64Array {
  if (until - from === 1) return read(from);
  let sum: Float64Array | undefined;
  for (let frame = from; frame < until; frame++) {
    const data = read(frame);
    sum ??= new Float64Array(data.length);
    for (let i = 0; i < sum.length; i++) sum[i] += data[i];
  }
  if (mean) for (let i = 0; i < sum!.length; i++) sum![i] /= until - from;
  return sum!;
}
