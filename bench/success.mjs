/**
 * `npm run bench:success -- [IMAGE…]`: how many random starts find an object of 32 × 32 pixels from its pattern without noise.
 * Writes bench/results/success-σ.json and .md. A start has solved its pattern when the residual of its feasible object is below
 * 1e-3 after the whole chain. Starts know nothing of each other.
 */
import { parseArgs } from 'node:util';
import { retrieve, simulate, uniform } from '../dist/index.js';
import { photographs } from './images.mjs';
import { describeMachine } from './machine.mjs';
import { table } from './markdown.mjs';
import { kept, publish } from './report.mjs';

/**
 * By σ, the number of pixels of the pattern over those of the object. hio with a β far above 1 throws starts out of
 * stagnation: where a pixel violates the constraint, each such iteration multiplies it by about 1 − β. Starts that have found
 * the object violate nothing.
 */
const SUITES = {
  4: {
    starts: 50,
    chains: ['hio:0.7*2000', '(hio:5.5*3+hio:0.7*177)*9+hio:0.7*380'],
    knows: 'a tight support and positivity',
    isBounded: false,
  },
  2.25: {
    starts: 10,
    chains: ['rrr:0.5*20000', 'rrr:0.5*50000', 'rrr:0.5*200000'],
    knows: 'a tight support, positivity and the largest pixel',
    isBounded: true,
  },
};
const SIZE = 32;
const SOLVED = 1e-3;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sigma: { type: 'string', default: '4' },
    chain: { type: 'string', multiple: true },
    starts: { type: 'string' },
    seed: { type: 'string', default: '1' },
    backend: { type: 'string', default: 'wasm' },
    precision: { type: 'string', default: 'single' },
    out: { type: 'string' },
  },
});
const suite = SUITES[values.sigma];
if (!suite) throw new Error(`--sigma: got ${values.sigma}; takes one of ${Object.keys(SUITES).join(', ')}`);
const [sigma, seed, starts] = [values.sigma, values.seed, values.starts ?? suite.starts].map(Number);
const { backend, precision } = values;
const chains = values.chain ?? suite.chains;

const random = [0, 1, 2].map((i) => ({ name: `random ${i}`, shape: [SIZE, SIZE], image: randomImage(i) }));
const objects = [...random, ...(await photographs(positionals, SIZE))];

const rows = [];
for (const { name, image, shape } of objects) {
  const { magnitudes, support, ...padded } = await simulate({ image, shape, pad: Math.sqrt(sigma) });
  const bounds = suite.isBounded ? [0, Math.max(...image)] : undefined;
  for (const chain of chains) {
    const began = performance.now();
    const { feasibleResiduals, device } = await retrieve(
      { magnitudes, shape: padded.shape, support, bounds },
      { chain, starts, seed, backend, precision, inspect: false },
    );
    const seconds = (performance.now() - began) / 1000;
    const solved = feasibleResiduals.filter((residual) => residual < SOLVED).length;
    rows.push({ object: name, chain, starts, solved, residuals: [...feasibleResiduals], device, seconds });
    console.error(`${name}, ${chain}: ${solved} of ${starts} in ${seconds.toFixed(1)} s`);
  }
}

const lines = objects.map(({ name }) => [
  name,
  ...rows.filter(({ object }) => object === name).map(({ solved }) => `${solved} of ${starts}`),
]);
const side = SIZE * Math.sqrt(sigma);
publish(
  `Starts that solve a pattern, σ = ${sigma}`,
  { machine: describeMachine({}), sigma, seed, precision, backend, rows },
  `${backend} on ${rows[0].device}, ${precision} precision. Objects of ${SIZE} × ${SIZE} pixels in patterns of
${side} × ${side} without noise, with ${suite.knows}. Solved: the feasible residual is below ${SOLVED} after the whole
chain. Seed ${seed} for the random objects and the starts.`,
  [table([['object', ...chains.map((chain) => `\`${chain}\``)], ...lines])],
  values.out ?? kept(`success-${sigma}`),
);

/** Pixels that are uniform from 0 to 1. @param {number} index */
function randomImage(index) {
  // The starts draw from the numbers of small indices.
  return Float64Array.from({ length: SIZE * SIZE }, (_, pixel) => uniform(seed, 1e6 + index, pixel));
}
