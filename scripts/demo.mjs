/**
 * `npm start`: the diffraction pattern of a photograph, with the noise of counted photons, and the photograph recovered
 * from it, by the commands that anyone would use. Everything it makes is in out/. Options are handed on to
 * `rephase reconstruct`: `npm start -- --effort quick`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { decode, encode } from 'fast-png';
import { fromSources, rephase } from './demo-tools.mjs';

const { alignedError } = await import('../dist/index.js');
const { readImage, writeImage } = await import('../dist/files.js');
const { patternPicture } = await fromSources('cli/picture.ts');

/** @typedef {Awaited<ReturnType<typeof readImage>>} Image */

const SIZE = 256;
// Enough photons for a picture that pleases; with 1e8 it is noisy and still recognisable.
const PHOTONS = '1e10';

console.log(`
A detector records how bright a diffraction pattern is, and loses its phases. rephase recovers
the image all the same, knowing only that it is not negative. This takes half a minute.
`);

const original = halved(await readImage('examples/camera.png'));
await writeImage('out/original.png', original, { range: [0, 255] });
rephase('simulate', 'out/original.png', '-o', 'out/pattern.npy', '--photons', PHOTONS, '--seed', '1');

const result = rephase('reconstruct', 'out/pattern.npy', ...process.argv.slice(2));

const pattern = await readImage('out/pattern.npy');
const estimate = await readImage(result.numbers);
const { error, aligned } = await alignedError(estimate.data, padded(original, pattern.shape), pattern.shape);
await writeImage('out/aligned.png', topLeft(aligned, pattern.shape), { range: [0, 255] });
writeFileSync('out/pattern.png', patternPicture(pattern).png);
writeComparison(['out/pattern.png', 'out/aligned.png', 'out/original.png']);

console.log(`
  backend     ${result.backend}, ${result.device}
  speed       ${result.iterationsPerSecond.toFixed(0)} iterations/s at ${result.shape.join('×')}
  residual    ${result.feasibleResidual.toPrecision(3)}
  error       ${(100 * error).toFixed(1)} % of the original

  out/comparison.png                the pattern, what was recovered from it, and the original
  out/pattern.reconstruction.html   pattern, image, residual curve, and how to repeat it
  out/pattern.reconstruction.*      the image, its numbers, the support, and all figures
`);

/**
 * Every pixel the mean of four.
 * @param {Image} image
 * @returns {Image}
 */
function halved({ data, shape: [, width] }) {
  const half = Float32Array.from({ length: SIZE * SIZE }, (_, at) => {
    const corner = 2 * Math.floor(at / SIZE) * width + 2 * (at % SIZE);
    return Math.round((data[corner] + data[corner + 1] + data[corner + width] + data[corner + width + 1]) / 4);
  });
  return { data: half, shape: [SIZE, SIZE] };
}

/** @param {Image} image @param {Image['shape']} shape */
function padded({ data }, [rows, columns]) {
  const large = new Float32Array(rows * columns);
  for (let row = 0; row < SIZE; row++) large.set(data.subarray(row * SIZE, (row + 1) * SIZE), row * columns);
  return large;
}

/** @param {Float64Array} data @param {Image['shape']} shape @returns {Image} */
function topLeft(data, [, columns]) {
  const small = new Float64Array(SIZE * SIZE);
  for (let row = 0; row < SIZE; row++) small.set(data.subarray(row * columns, row * columns + SIZE), row * SIZE);
  return { data: small, shape: [SIZE, SIZE] };
}

/**
 * The pictures side by side, all as large as the pattern.
 * @param {string[]} paths
 */
function writeComparison(paths) {
  const side = 2 * SIZE;
  const gap = 8;
  const width = paths.length * side + (paths.length - 1) * gap;
  const all = new Uint8Array(3 * width * side).fill(255);
  paths.forEach((path, place) => {
    const picture = decode(readFileSync(path));
    for (let row = 0; row < side; row++) {
      for (let column = 0; column < side; column++) {
        const [y, x] = [Math.floor((row * picture.height) / side), Math.floor((column * picture.width) / side)];
        const from = (y * picture.width + x) * picture.channels;
        const to = 3 * (row * width + place * (side + gap) + column);
        for (let channel = 0; channel < 3; channel++) {
          all[to + channel] = picture.data[from + Math.min(channel, picture.channels - 1)];
        }
      }
    }
  });
  writeFileSync('out/comparison.png', encode({ width, height: side, data: all, channels: 3, depth: 8 }));
}
