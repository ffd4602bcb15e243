/**
 * `npm run bench:quality -- [IMAGE…]`: how near to the truth recipes come, on images whose truth is known, at equal numbers of
 * iterations. Writes bench/results/quality.json and .md. Noise and starts have seeds of their own in every run: --seed.
 */
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { alignedError, estimateSupport, retrieve, simulate } from '../dist/index.js';
import { readImage } from '../dist/files.js';
import { reduced } from './images.mjs';
import { describeMachine } from './machine.mjs';
import { table } from './markdown.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    photons: { type: 'string', default: '1e6,1e8,1e10' },
    beamstop: { type: 'string', default: '0,4' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: '' },
  },
});
const SIZE = 256;
const STARTS = 8;
/** Iterations of every start, the same for all recipes. */
const RECIPES = {
  'er*2080': { chain: 'er*2080', starts: STARTS },
  'best of 8, hio*2000+er*80': { chain: 'hio:0.7*2000+er*80', starts: STARTS },
  '4 generations of 8, hio*500+er*20': { chain: 'hio:0.7*500+er*20', starts: STARTS, generations: 4 },
};

const paths =
  positionals.length > 0 ? positionals : [fileURLToPath(new URL('../examples/camera.png', import.meta.url))];
const seed = Number(values.seed);
const rows = [];
for (const path of paths) {
  const image = reduced(await readImage(path), SIZE);
  for (const photons of values.photons.split(',').map(Number)) {
    for (const beamstop of values.beamstop.split(',').map(Number)) {
      const simulation = await simulate({ ...image, pad: 2, photons, seed, ...(beamstop > 0 && { beamstop }) });
      const { magnitudes, mask, shape } = simulation;
      const { support } = estimateSupport({ magnitudes, mask, shape });
      const truth = new Float64Array(magnitudes.length);
      for (let row = 0; row < image.shape[0]; row++) {
        const from = row * image.shape[1];
        truth.set(image.image.subarray(from, from + image.shape[1]), row * shape[1]);
      }
      for (const [recipe, options] of Object.entries(RECIPES)) {
        const began = performance.now();
        const result = await retrieve({ magnitudes, mask, shape, support }, { ...options, seed, backend: 'wasm' });
        const { error } = await alignedError(result.feasible, truth, shape);
        const seconds = (performance.now() - began) / 1000;
        const row = {
          image: basename(path),
          photons,
          beamstop,
          recipe,
          error,
          residual: result.feasibleResidual,
          seconds,
        };
        rows.push({ ...row, kept: result.agreement?.kept.length });
        console.error(JSON.stringify(rows.at(-1)));
      }
    }
  }
}

const machine = describeMachine({});
const header = ['image', 'photons', 'beam stop', ...Object.keys(RECIPES)];
const cases = grouped(rows);
const lines = cases.map((of) => [
  ...[of[0].image, of[0].photons.toExponential(), of[0].beamstop || 'none'],
  ...of.map(({ error }) => (100 * error).toFixed(1)),
]);
const text = `# Error against the truth

${machine.date.slice(0, 10)}, rephase ${machine.rephase} (${machine.commit}), ${machine.cpu}. Images of at most ${SIZE} × ${SIZE} pixels, padded
twofold, with the support that the pattern shows and the noise of counted photons; seed ${seed} for noise and starts. Each recipe
has ${STARTS} starts of 2,080 iterations. Percent of the image's norm, aligned by whole pixels.

${table([header, ...lines], 3)}
`;
console.log(text);
const target = values.out || fileURLToPath(new URL('results/quality', import.meta.url));
writeFileSync(`${target}.json`, `${JSON.stringify({ machine, seed, rows }, null, 2)}\n`);
writeFileSync(`${target}.md`, text);

/** @param {{ image: string, photons: number, beamstop: number }[]} all */
function grouped(all) {
  const groups = new Map();
  for (const row of all) {
    const key = `${row.image}|${row.photons}|${row.beamstop}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}
