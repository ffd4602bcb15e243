/** Images whose truth is known, in the sizes that the programs here measure with. */
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readImage } from '../dist/files.js';

/**
 * The photographs that a command line names, or the bundled one.
 * @param {string[]} paths
 * @param {number} size the longest side
 */
export function photographs(paths, size) {
  const chosen = paths.length > 0 ? paths : [fileURLToPath(new URL('../examples/camera.png', import.meta.url))];
  return Promise.all(chosen.map(async (path) => ({ name: basename(path), ...reduced(await readImage(path), size) })));
}

/**
 * Sums blocks of pixels, so that neither side is longer than `size`.
 * @param {{ data: Float32Array | Float64Array | Uint8Array | Uint16Array, shape: readonly [number, number] }} image
 * @param {number} size
 */
export function reduced({ data, shape }, size) {
  const factor = Math.max(1, Math.floor(Math.min(...shape) / size));
  const [height, width] = shape.map((side) => Math.min(size, Math.floor(side / factor)));
  const image = new Float64Array(height * width);
  for (let row = 0; row < height * factor; row++) {
    for (let column = 0; column < width * factor; column++) {
      image[Math.floor(row / factor) * width + Math.floor(column / factor)] += data[row * shape[1] + column];
    }
  }
  return { image, shape: /** @type {[number, number]} */ ([height, width]) };
}
