/**
 * `npm run demo:ptycho`: a ptychographic scan of a photograph, whose orientation and defocus nobody says, and the object that
 * is found from it, by the commands that anyone would use. Everything it makes is in out/. Options are handed on to
 * `rephase ptycho`: `npm run demo:ptycho -- --iterations 20`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { fromSources, rephase } from './demo-tools.mjs';

const { alignedScanError, phase } = await import('../dist/index.js');
const { decodeComplexNpy } = await import('../dist/formats.js');
const { readScan } = await import('../dist/files.js');
const { beside, encodePicture, greyPicture, patternColours } = await fromSources('cli/picture.ts');

console.log(`
A narrow beam goes over an object, and a detector counts the photons of one diffraction pattern at each
of 256 places. No lens makes an image. rephase finds the object's phase from the patterns, and the beam
with it. This takes about half a minute.
`);

rephase('simulate', 'examples/camera.png', '-o', 'out/scan.cxi', '--scan', '16x16', '--step', '12', '--photons', '1e6');
const look = rephase('ptycho', 'out/scan.cxi');
const reconstruct = ['ptycho', 'out/scan.cxi', '-o', 'out/object.npy', '--guess', '--report', 'out/scan.html'];
const result = rephase(...reconstruct, '--iterations', '60', ...process.argv.slice(2));

const { top, left, rows, columns } = result.rectangle;
const size = /** @type {const} */ ([rows, columns]);
const found = cut('out/object.npy', top, left);
// The object of the simulation begins without the margin of two pixels that a reconstruction leaves.
const truth = cut('out/scan.object.npy', top - 2, left - 2);
const { error, aligned } = await alignedScanError(found, truth, size);
const [estimate, original] = [aligned, truth].map((image) => phase(image, { shape: size }));
const range = [original.reduce((a, b) => Math.min(a, b)), original.reduce((a, b) => Math.max(a, b))];
const pictures = [estimate, original].map((data) => greyPicture({ data, shape: size }, range));
const { patterns, shape } = await readScan('out/scan.cxi');
const one = Float64Array.from(patterns.subarray(0, shape[0] * shape[1]), Math.sqrt);
const pattern = patternColours({ data: one, shape }).picture;
writeFileSync('out/comparison-ptycho.png', encodePicture(beside([pattern, ...pictures])));

console.log(`
  backend     ${result.backend}, ${result.device}
  speed       ${result.patternsPerSecond.toFixed(0)} patterns/s of ${result.shape.join('×')}
  residual    ${result.residual.toPrecision(3)}, of which counting noise explains ${result.noiseFloor.toPrecision(3)}
  error       ${(100 * error).toFixed(1)} % of the object

  ${look.picture}               the light on the object, the mean pattern, and a first guess of the probe
  out/comparison-ptycho.png       one of the patterns, the phase that was found, and the true one
  out/scan.html                   phase, amplitude, probe, positions, residual curve, and how to repeat it
`);

/**
 * The part of an object that was lit, interleaved.
 * @param {string} path
 * @param {number} firstRow
 * @param {number} firstColumn
 */
function cut(path, firstRow, firstColumn) {
  const { data, shape } = decodeComplexNpy(readFileSync(path));
  const part = new Float64Array(2 * rows * columns);
  for (let row = 0; row < rows; row++) {
    const from = 2 * ((firstRow + row) * shape[1] + firstColumn);
    part.set(data.subarray(from, from + 2 * columns), 2 * row * columns);
  }
  return part;
}
