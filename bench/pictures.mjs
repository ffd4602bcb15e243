/**
 * The pictures of docs/five-minutes.md: a photograph, its pattern, and the image after more and more iterations of
 * `(hio:0.7*180+er*20)*10`. node bench/pictures.mjs
 */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createSession, fftshift, simulate } from '../dist/index.js';
import { readImage, writeImage } from '../dist/files.js';

const path = (/** @type {string} */ name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
mkdirSync(path('docs/pictures'), { recursive: true });

const SIZE = 128;
const photograph = await readImage(path('examples/camera.png'));
const factor = photograph.shape[0] / SIZE;
const image = new Float32Array(SIZE * SIZE);
photograph.data.forEach((value, i) => {
  const [row, column] = [Math.floor(i / photograph.shape[1] / factor), Math.floor((i % photograph.shape[1]) / factor)];
  image[row * SIZE + column] += value / factor ** 2;
});
const problem = await simulate({ image, shape: [SIZE, SIZE], photons: 1e10 });

await save('object', image, [SIZE, SIZE]);
const pattern = fftshift(problem.magnitudes, problem.shape).map((magnitude) => Math.log10(1 + magnitude));
await writeImage(path('docs/pictures/pattern.png'), { data: pattern, shape: problem.shape });

const session = await createSession(problem, { backend: 'wasm', seed: 1 });
for (const after of [1, 10, 100, 2000]) {
  while (session.iterations < after) {
    const inRound = session.iterations % 200;
    const isLast = inRound >= 180;
    session.use(isLast ? { algorithm: 'er' } : { algorithm: 'hio', beta: 0.7 });
    await session.run(Math.min(after - session.iterations, (isLast ? 200 : 180) - inRound));
  }
  const found = await session.readFeasible();
  const cut = Float32Array.from(image, (_, i) => found[Math.floor(i / SIZE) * problem.shape[1] + (i % SIZE)]);
  await save(`after-${after}`, cut, [SIZE, SIZE]);
}
session.dispose();

/** @param {string} name @param {Float32Array} data @param {readonly [number, number]} shape */
function save(name, data, shape) {
  return writeImage(path(`docs/pictures/${name}.png`), { data, shape }, { range: [0, 255] });
}
