/**
 * `npm run bench:quality -- [IMAGE…]`: how near to the truth images come, where the truth is known, beside what likelihood
 * steps make of the truth itself. Writes bench/results/quality.json and .md. Noise and starts have seeds of their own in
 * every run: --seed. With --add the file keeps the cases that it has, and only others are run.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { alignedError, createSession, fitSupport, retrieve, simulate } from '../dist/index.js';
import { photographs } from './images.mjs';
import { describeMachine } from './machine.mjs';
import { table } from './markdown.mjs';
import { kept, measured } from './report.mjs';
import { padded } from './scene.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    photons: { type: 'string', default: '1e6,1e8,1e10' },
    seed: { type: 'string', default: '1' },
    known: { type: 'string', default: '' },
    add: { type: 'boolean', default: false },
    out: { type: 'string', default: '' },
  },
});
const SIZE = 256;
const STARTS = 8;
/** Of frequencies, in which the image is compared with the truth. */
const RINGS = 64;
/** Nearly 10,000 iterations of all starts together. */
const RECIPE = { chain: 'hio:0.7*290+er*20', starts: STARTS, generations: 4 };
/** What is known less well than it could be. */
const CASES = {
  'tight support': {},
  'beam stop of radius 4': { beamstop: 4 },
  'support 10 % too large': { larger: 1.1 },
};

const seed = Number(values.seed);
const machine = describeMachine({});
const backend = 'wasm';
const target = values.out || kept('quality');
/** @type {{ image: string, known: string, photons: number, seed: number, commit: string, error: number, likely: number, frc: number[] }[]} */
const rows = values.add ? JSON.parse(readFileSync(`${target}.json`, 'utf8')).rows : [];
const isDone = (/** @type {string} */ ...of) =>
  rows.some(({ image, known, photons }) => [image, known, String(photons)].every((one, at) => one === of[at]));
for (const { name, ...image } of await photographs(positionals, SIZE)) {
  for (const [known, { beamstop, larger = 1 }] of Object.entries(CASES)) {
    if (!known.startsWith(values.known)) continue;
    for (const photons of values.photons.split(',').map(Number)) {
      if (isDone(name, known, String(photons))) continue;
      const { magnitudes, mask, shape } = await simulate({ ...image, pad: 2, photons, seed, beamstop });
      const [truth, given] = padded(image, shape, larger);
      // What `rephase reconstruct` does with a support, unless it is told not to.
      const fitted = fitSupport({ magnitudes, mask, shape, support: given });
      const problem = { magnitudes, mask, shape, support: fitted?.support ?? given };
      const result = await retrieve(problem, { ...RECIPE, seed, backend });
      const { feasibleResidual, freeResidual, agreement, generations } = result;
      const { error, aligned } = await alignedError(result.feasible, truth, shape);
      const row = {
        ...{ image: name, known, photons, seed, commit: machine.commit, error },
        likely: await likelyNear({ ...problem, support: given }, truth),
        ...{ feasibleResidual, freeResidual, kept: agreement?.kept.length, generations },
        frc: await correlationsOf(aligned, truth, shape),
      };
      rows.push(row);
      writeResults();
      console.error(JSON.stringify(row));
    }
  }
}
writeResults();

/**
 * The error of the image that likelihood steps find from the truth.
 * @param {import('../dist/index.js').Problem} problem
 * @param {Float64Array} truth
 */
async function likelyNear(problem, truth) {
  const session = await createSession(problem, { backend, algorithm: 'ml', start: { object: truth } });
  await session.run(60);
  const { error } = await alignedError(await session.readFeasible(), truth, problem.shape);
  session.dispose();
  return error;
}

/**
 * The Fourier ring correlation with the truth (van Heel, Ultramicroscopy 21, 95, 1987), to three digits, in `RINGS` rings
 * from zero frequency to 0.5 cycles a pixel.
 * @param {Float64Array} object
 * @param {Float64Array} truth
 * @param {readonly [number, number]} shape
 */
async function correlationsOf(object, truth, shape) {
  const [rows, columns] = shape;
  const [a, b] = [await spectrumOf(object, shape), await spectrumOf(truth, shape)];
  const [cross, power, truePower] = [0, 0, 0].map(() => new Float64Array(RINGS));
  for (let k = 0; k < object.length; k++) {
    const [row, column] = [Math.floor(k / columns), k % columns];
    const [down, right] = [Math.min(row, rows - row) / rows, Math.min(column, columns - column) / columns];
    const ring = Math.floor(2 * RINGS * Math.hypot(down, right));
    if (ring >= RINGS) continue;
    cross[ring] += a[2 * k] * b[2 * k] + a[2 * k + 1] * b[2 * k + 1];
    power[ring] += a[2 * k] ** 2 + a[2 * k + 1] ** 2;
    truePower[ring] += b[2 * k] ** 2 + b[2 * k + 1] ** 2;
  }
  return [...cross].map((sum, ring) => Number((sum / Math.sqrt(power[ring] * truePower[ring])).toFixed(3)));
}

/**
 * @param {Float64Array} object
 * @param {readonly [number, number]} shape
 */
async function spectrumOf(object, shape) {
  const session = await createSession({ magnitudes: object.map(Math.abs), shape }, { backend, precision: 'double' });
  session.writeObject(object);
  session.forward();
  const spectrum = await session.readSpectrum();
  session.dispose();
  return spectrum;
}

/** Writes the cases so far, in one order whichever were added when: a run that is ended leaves them. */
function writeResults() {
  const [images, cases] = [[...new Set(rows.map(({ image }) => image))], Object.keys(CASES)];
  rows.sort(
    (a, b) =>
      images.indexOf(a.image) - images.indexOf(b.image) ||
      cases.indexOf(a.known) - cases.indexOf(b.known) ||
      a.photons - b.photons,
  );
  const commits = [...new Set(rows.map(({ commit }) => commit))];
  const percent = (/** @type {number} */ share) => (100 * share).toFixed(share < 0.01 ? 2 : 1);
  const header = ['image', 'known', 'photons', 'seed', 'error', 'from the truth', 'ratio', 'least FRC'];
  const lines = rows.map(({ image, known, photons, seed, error, likely, frc }) => [
    ...[image, known, photons.toExponential(), String(seed)],
    ...[percent(error), percent(likely), (error / likely).toFixed(1), Math.min(...frc).toFixed(2)],
  ]);
  const text = `# Error against the truth

${measured({ ...machine, commit: commits.join(', ') })}, ${machine.cpu}. Images of at most ${SIZE} × ${SIZE} pixels, padded
twofold, with the noise of counted photons; one seed for noise and starts. Percent of the image's norm, aligned by whole pixels:
of ${RECIPE.generations} generations of ${STARTS} starts of \`${RECIPE.chain}\`, refined; of 60 iterations of \`ml\` that begin from the truth; and
the ratio of the two. The last column is the least Fourier ring correlation of the image with the truth, in ${RINGS} rings.

${table([header, ...lines], 4)}
`;
  const listed = rows.map((row) => JSON.stringify(row)).join(',\n');
  writeFileSync(`${target}.json`, `{"machine":${JSON.stringify(machine)},\n"rows":[\n${listed}\n]}\n`);
  writeFileSync(`${target}.md`, text);
}
