/** ptypy's .ptyd: chunks of patterns, positions in metres where the beam went, energies in keV. */
import { FileFormatError } from '../../errors.js';
import type { CountArray } from '../../scan-types.js';
import type { Shape } from '../../types.js';
import { type FileScan, points, wavelengthOf } from './assemble.js';
import type { Contents, Stored } from './contents.js';

const KEV = 1.602176634e-16;

export function isPtyd(contents: Contents): boolean {
  return chunksOf(contents).length > 0;
}

export function readPtyd(contents: Contents): FileScan {
  const chunks = chunksOf(contents).map((chunk) => ({
    data: contents.counts(`${chunk}/data`)!,
    positions: contents.numbers(`${chunk}/positions`),
    weights: contents.numbers(`${chunk}/weights`),
  }));
  const { extents } = chunks[0].data;
  if (extents.length !== 3)
    throw new FileFormatError(`it has chunks of ${extents.join(' × ')}; takes patterns × rows × columns`);
  const shape: Shape = [extents[1], extents[2]];
  const propagation = contents.text('/meta/propagation') ?? 'farfield';
  if (propagation !== 'farfield') throw new FileFormatError(`it says ${propagation} propagation; takes the far field`);
  const mask = new Uint8Array(shape[0] * shape[1]).fill(1);
  const positions = chunks.flatMap(({ data, positions: places, weights }, i) => {
    if (data.extents[1] !== shape[0] || data.extents[2] !== shape[1]) {
      throw new FileFormatError(
        `it has chunks of different patterns: ${data.extents.slice(1).join(' × ')} beside ${shape.join(' × ')}`,
      );
    }
    if (!places) throw new FileFormatError(`it has no positions in its chunk ${i}`);
    weights?.data.forEach((weight, at) => {
      if (weight === 0) mask[at % mask.length] = 0;
    });
    return points(`positions of chunk ${i}`, places, 2, () => false).flat();
  });
  const psize = contents.numbers('/meta/psize')?.data;
  const energy = contents.number('/meta/energy');
  return {
    ...{ patterns: joined(chunks.map(({ data }) => data)), shape, mask },
    positions: Float64Array.from(positions),
    ...centreOf(contents, shape),
    ...(psize && { detectorPixel: [psize[0], psize[1] ?? psize[0]] as const }),
    distance: contents.number('/meta/distance'),
    wavelength: energy === undefined ? undefined : wavelengthOf(energy * KEV),
    notes: ['positions as they are: .ptyd stores where the beam went'],
  };
}

/** Paths of the chunks with patterns, in the order of their numbers. */
function chunksOf(contents: Contents): string[] {
  const numbers = contents.file.list().objects.flatMap(({ path }) => /^\/chunks\/(\d+)\/data$/.exec(path)?.[1] ?? []);
  return numbers.sort((a, b) => Number(a) - Number(b)).map((number) => `/chunks/${number}`);
}

/** A pair of numbers, or one of ptypy's words for the corner; otherwise the middle. */
function centreOf(contents: Contents, [rows, columns]: Shape): Pick<FileScan, 'centre'> {
  const word = contents.text('/meta/center');
  if (word === 'fftcorner') return { centre: [0, 0] };
  const centre = word === undefined ? contents.numbers('/meta/center')?.data : undefined;
  if (centre?.length !== 2) return {};
  const [row, column] = [Math.round(centre[0]), Math.round(centre[1])];
  const isInside = row >= 0 && row < rows && column >= 0 && column < columns;
  if (!isInside)
    throw new FileFormatError(`it has its center at [${centre.join(', ')}], outside of ${rows} × ${columns}`);
  return { centre: [row, column] };
}

function joined(chunks: readonly Stored<CountArray>[]): CountArray {
  if (chunks.length === 1) return chunks[0].data;
  const length = chunks.reduce((sum, { data }) => sum + data.length, 0);
  const Kind = chunks[0].data.constructor as new (length: number) => CountArray;
  const all = new Kind(length);
  let at = 0;
  for (const { data } of chunks) {
    all.set(data, at);
    at += data.length;
  }
  return all;
}
