/** From magnitudes to an image in one call, with progress, and the error against the truth: node examples/retrieve.mjs */
import { fileURLToPath } from 'node:url';
import { alignedError, retrieve, simulate } from 'rephase';
import { readImage } from 'rephase/files';

const image = await readImage(fileURLToPath(new URL('camera.png', import.meta.url)));
const { magnitudes, shape, support } = await simulate({ image: image.data, shape: image.shape, photons: 1e10 });

const { feasible, residual, seconds, backend } = await retrieve(
  { magnitudes, shape, support },
  {
    algorithm: 'hio',
    beta: 0.7,
    iterations: 300,
    seed: 1,
    onProgress: ({ iteration, residual }) => console.log(`iteration ${iteration}: residual ${residual.toFixed(4)}`),
  },
);

const truth = new Float32Array(shape[0] * shape[1]);
for (let row = 0; row < image.shape[0]; row++) {
  truth.set(image.data.subarray(row * image.shape[1], (row + 1) * image.shape[1]), row * shape[1]);
}
const { error } = await alignedError(feasible, truth, shape);
console.log(
  `${backend}: ${seconds.toFixed(1)} s, residual ${residual.toFixed(4)}, error ${(100 * error).toFixed(1)} %`,
);
