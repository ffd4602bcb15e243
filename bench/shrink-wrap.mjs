/**
 * `npm run bench:shrink-wrap -- [IMAGE…]`: what shrink-wrap gains and costs, with its guard and without, at equal iterations, on
 * photographs and on discs with nothing around them. Writes bench/results/shrink-wrap.json and .md.
 */
import { parseArgs } from 'node:util';
import { alignedError, retrieve, simulate } from '../dist/index.js';
import { photographs } from './images.mjs';
import { describeMachine } from './machine.mjs';
import { table } from './markdown.mjs';
import { kept, publish } from './report.mjs';
import { overlappingDiscs, padded } from './scene.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    photons: { type: 'string', default: '1e6,1e8,1e10' },
    seed: { type: 'string', default: '1' },
    out: { type: 'string', default: '' },
  },
});
const SIZE = 64;
const CHAIN = '(hio:0.7*90+er*10)*12';
const STARTS = 8;
const WAYS = /** @type {const} */ ({ none: false, guarded: true, unguarded: { guard: Infinity } });

const seed = Number(values.seed);
const images = [
  ...(await photographs(positionals, SIZE)),
  { name: 'discs', image: overlappingDiscs(SIZE), shape: /** @type {[number, number]} */ ([SIZE, SIZE]) },
];
/** @type {{ image: string, photons: number, errors: Record<string, number[]>, shrunk: unknown }[]} */
const rows = [];
for (const { name, ...image } of images) {
  for (const photons of values.photons.split(',').map(Number)) {
    const { magnitudes, shape } = await simulate({ ...image, pad: 2, photons, seed });
    const [truth, support] = padded(image, shape, 1.1);
    /** @type {Record<string, number[]>} */
    const errors = {};
    let shrunk;
    for (const [way, shrinkWrap] of Object.entries(WAYS)) {
      const options = { chain: CHAIN, starts: STARTS, seed, backend: /** @type {const} */ ('wasm'), keepObjects: true };
      const result = await retrieve({ magnitudes, shape, support }, { ...options, shrinkWrap });
      errors[way] = [];
      for (const object of result.objects ?? []) errors[way].push((await alignedError(object, truth, shape)).error);
      errors[way].sort((a, b) => a - b);
      if (shrinkWrap === true) shrunk = result.shrunk;
    }
    rows.push({ image: name, photons, errors, shrunk });
  }
}

const machine = describeMachine({});
const both = (/** @type {number[]} */ errors) =>
  [errors[0], (errors[STARTS / 2 - 1] + errors[STARTS / 2]) / 2].map((error) => (100 * error).toFixed(1)).join(', ');
const lines = rows.map(({ image, photons, errors }) => [
  image,
  photons.toExponential(),
  ...Object.keys(WAYS).map((way) => both(errors[way])),
]);
const header = ['image', 'photons', 'without', 'with its guard', 'without guard'];
publish(
  'Shrink-wrap',
  { machine, seed, rows },
  `${machine.cpu}. Images of at most ${SIZE} × ${SIZE} pixels, padded
twofold, in a support 10 % longer on each side, with the noise of counted photons; seed ${seed} for noise and starts. The least and the median
error of ${STARTS} starts of \`${CHAIN}\` in percent of the image's norm.`,
  [table([header, ...lines], 2)],
  values.out || kept('shrink-wrap'),
);
