// Ptychography: simulates a scan of a small specimen, reconstructs object and probe, and says how near they are.
import { alignedScanError, illumination, retrieve, simulateScan } from 'rephase';

const shape = /** @type {const} */ ([32, 32]);
const objectShape = /** @type {const} */ ([72, 72]);

// A phase object: thicker in the middle of each disc.
const object = new Float64Array(2 * 72 * 72);
for (let i = 0; i < 72 * 72; i++) {
  const [row, column] = [Math.floor(i / 72), i % 72];
  const phase = -0.8 * Math.max(0, Math.sin(row / 4) * Math.cos(column / 5));
  object[2 * i] = Math.cos(phase);
  object[2 * i + 1] = Math.sin(phase);
}

// A beam with a curved wavefront.
const beam = (/** @type {number} */ width) =>
  Float64Array.from({ length: 2 * 32 * 32 }, (_, i) => {
    const [y, x] = [Math.floor(i / 64) - 16, ((i >> 1) % 32) - 16];
    const angle = 0.03 * (x * x + y * y);
    return Math.exp(-(x * x + y * y) / width ** 2) * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });

// Steps of about five pixels, none of them quite regular: a regular grid would leave a pattern of its own in the image.
const positions = Float64Array.from({ length: 2 * 64 }, (_, i) => {
  const cell = i % 2 ? (i >> 1) % 8 : Math.floor(i / 16);
  return 2 + 5 * cell + Math.round(Math.sin(7 * i));
});

const scan = await simulateScan({
  object: { data: object, shape: objectShape },
  probe: beam(9),
  shape,
  positions,
  photons: 1e6,
});
// The reconstruction begins with vacuum and a beam that is too narrow.
const vacuum = { data: object.map((_, i) => 1 - (i % 2)), shape: objectShape };
const start = { ...scan, probe: beam(8), object: vacuum };
const result = await retrieve(start, { algorithm: 'lsqml', iterations: 100, seed: 1 });

// Where little light fell, the object remains unknown.
const { data: light } = await illumination(scan);
const most = Math.max(...light);
const weight = light.map((counts) => (counts > 0.1 * most ? 1 : 0));
const { error } = await alignedScanError(result.object, object, objectShape, { weight });
const how = `${result.iterations} iterations of ${result.algorithm} on ${result.backend}`;
console.log(`${how}: residual ${result.residual.toFixed(3)}, object within ${(100 * error).toFixed(1)} % of the truth`);
