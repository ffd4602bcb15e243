/**
 * `npm run bench:elser -- FOLDER`: the benchmark of Elser, Lan & Bendory, SIAM J. Imaging Sci. 11, 2429 (2018): atoms in 128 × 128
 * pixels, found by `rrr` with β 0.5 and a support size of 8 pixels an atom. FOLDER has the files data100E, data140E, … of
 * github.com/veitelser/phase-retrieval-benchmarks. A start is solved when 95 % of the power that its magnitudes stand for is in
 * the support. It then begins anew, until a problem has --solutions of them or its share of --seconds is over. The file
 * --state keeps what was found, and the next run adds to it.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { setImmediate } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createSession } from '../dist/index.js';
import { describeMachine } from './machine.mjs';
import { table } from './markdown.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    backend: { type: 'string', default: 'wasm' },
    problems: { type: 'string', default: '' },
    solutions: { type: 'string', default: '100' },
    starts: { type: 'string', default: '' },
    every: { type: 'string', default: '' },
    state: { type: 'string', default: 'build/elser.json' },
  },
});

const SIZE = 128;
const PIXELS = SIZE * SIZE;
const BETA = 0.5;
const POWER = 0.95;
/** Iterations for a solution by a program in C of the same algorithm, 40 to 200 solutions each. */
const EXPECTED = { '100E': 79, '140E': 229, '140M': 1267, '175E': 2186, '200E': 2895, '225E': 5948, '140H': 8090 };
/**
 * Only starts with a smaller residual are read and tested: at 95 % of the power it is between 0.51 and 0.56. A start that is
 * far from a solution has 0.8.
 */
const NEAR = 0.65;

const [folder] = positionals;
if (folder === undefined) {
  console.error('usage: npm run bench:elser -- FOLDER (data/ of github.com/veitelser/phase-retrieval-benchmarks)');
  process.exit(2);
}
const [seconds, wanted] = [values.seconds, values.solutions].map(Number);
/** How many iterations pass between two looks at the residuals. */
const everyOf = (name) => Number(values.every || Math.ceil((EXPECTED[name] ?? 2500) / 50));
// One on a core, which then stays in its cache; many on a GPU, which needs them to be busy.
const starts = Number(values.starts || (values.backend === 'wasm' ? 1 : 512));
const names = readdirSync(folder).flatMap((file) => /^data(\d+[EMH])$/.exec(file)?.[1] ?? []);
const chosen = values.problems === '' ? names : values.problems.split(',').filter((name) => names.includes(name));
chosen.sort((a, b) => (EXPECTED[a] ?? Infinity) - (EXPECTED[b] ?? Infinity));

/** @type {Record<string, { solutions: number, iterations: number, seconds: number, runs: number }>} */
const state = readState();
let interrupted = false;
process.once('SIGINT', () => (interrupted = true));
const began = performance.now();
for (const [i, name] of chosen.entries()) {
  const left = seconds - (performance.now() - began) / 1000;
  const found = (state[name] ??= { solutions: 0, iterations: 0, seconds: 0, runs: 0 });
  if (left > 0 && found.solutions < wanted && !interrupted) await search(name, found, left / (chosen.length - i));
}

console.log(JSON.stringify(describeMachine({})));
console.log(
  table([
    ['problem', 'solutions', 'iterations for one', '±', 'expected', 'iterations a second'],
    ...chosen.map((name) => {
      const { solutions, iterations, seconds } = state[name];
      // Numbers of iterations are distributed nearly exponentially: their deviation is their mean. A start is solved
      // somewhere in the iterations between two looks.
      const mean = iterations / solutions - (everyOf(name) - 1) / 2;
      const [least, error] = solutions > 0 ? [mean.toFixed(0), (mean / Math.sqrt(solutions)).toFixed(0)] : ['', ''];
      return [
        name,
        solutions,
        least,
        error,
        EXPECTED[name] ?? '',
        seconds > 0 ? (iterations / seconds).toFixed(0) : '',
      ];
    }),
  ]),
);

/** Adds to what was found in a problem, for some seconds. */
async function search(name, found, seconds) {
  const { problem, power } = readProblem(name);
  const options = { algorithm: 'rrr', beta: BETA };
  // Seeds of another run are others.
  let seed = 2 ** 32 * found.runs++;
  const fresh = async () => freshStart(problem, seed++);
  const objects = await Promise.all(Array.from({ length: starts }, fresh));
  const object = new Float32Array(starts * PIXELS);
  objects.forEach((numbers, start) => object.set(numbers, start * PIXELS));
  const session = await createSession(problem, { ...options, backend: values.backend, starts, start: { object } });
  session.inverse();
  objects.forEach((numbers, start) => begin(session, start, numbers, numbers, problem.supportSize));
  const { solutions, iterations } = found;
  const [clock, before] = [performance.now(), found.seconds];
  let saved = clock;
  while (found.solutions < wanted && !interrupted && performance.now() - clock < 1000 * seconds) {
    // `run` gives the event loop its turn several times, which would take a fifth of the time of a core.
    if (values.backend === 'wasm') for (let i = 0; i < everyOf(name); i++) session.step();
    else await session.run(everyOf(name));
    const residuals = await session.residuals();
    const near = [...residuals.keys()].filter((start) => residuals[start] < NEAR);
    if (near.length > 0) {
      const iterates = await each(near, (start) => session.readObject(start));
      session.inverse();
      const images = await each(near, (start) => session.readObject(start));
      for (const [i, start] of near.entries()) {
        if (!isSolved(iterates[i], images[i], problem.supportSize, power)) continue;
        found.solutions += 1;
        begin(session, start, await fresh(), iterates[i], problem.supportSize);
      }
    }
    // The first iteration of a start is the one that writes it.
    found.iterations = iterations + starts * session.iterations - (found.solutions - solutions) - starts;
    found.seconds = before + (performance.now() - clock) / 1000;
    if (performance.now() - saved > 1000) {
      saved = save();
      await setImmediate();
    }
  }
  save();
  session.dispose();
}

/** One start after the other: a batch of a GPU may be near a solution in many of them. */
async function each(starts, read) {
  const results = [];
  for (const start of starts) results.push(await read(start));
  return results;
}

/** After `inverse`: what the rule makes x of, in place of the new image, where it has the iterate `previous`. */
function begin(session, start, x, previous, size) {
  const projected = largest(previous, size);
  session.writeObject(
    x.map((value, i) => (value - previous[i]) / BETA + projected[i]),
    start,
  );
}

/** x without all but its largest positive pixels. */
function largest(x, size) {
  const leftOut = Math.max(0, x.toSorted()[x.length - 1 - size]);
  return x.map((value) => (value > leftOut ? value : 0));
}

/** Whether 95 % of the power of the image is where the iterate's largest pixels are. */
function isSolved(iterate, image, size, power) {
  const inside = largest(iterate, size);
  let [sum, squares] = [0, 0];
  for (let i = 0; i < image.length; i++) {
    if (inside[i] === 0) continue;
    sum += image[i];
    squares += image[i] ** 2;
  }
  return squares * PIXELS > POWER * (sum ** 2 + power);
}

/** A start as theirs: the magnitudes with random phases, and positive. */
async function freshStart(problem, seed) {
  const session = await createSession(problem, { backend: 'wasm', seed });
  const object = await session.readObject();
  session.dispose();
  return object.map((value) => value + 0.5);
}

/**
 * A file has the intensities of half of the frequencies, 64 of each row. The zero frequency was not measured, the Nyquist
 * frequency of the rows is 0.
 */
function readProblem(name) {
  const numbers = readFileSync(join(folder, `data${name}`), 'utf8')
    .split(/\s+/)
    .filter(Boolean)
    .map(Number);
  if (numbers.length !== PIXELS / 2) throw new Error(`data${name}: ${numbers.length} numbers, not ${PIXELS / 2}`);
  const magnitudes = new Float32Array(PIXELS);
  const mask = new Uint8Array(PIXELS).fill(1);
  mask[0] = 0;
  for (const [i, intensity] of numbers.entries()) {
    const [row, column] = [Math.floor(i / (SIZE / 2)), i % (SIZE / 2)];
    const opposite = ((SIZE - row) % SIZE) * SIZE + ((SIZE - column) % SIZE);
    magnitudes[row * SIZE + column] = magnitudes[opposite] = Math.sqrt(intensity);
  }
  const power = magnitudes.reduce((sum, magnitude) => sum + magnitude ** 2, 0);
  return { problem: { magnitudes, mask, shape: [SIZE, SIZE], supportSize: 8 * parseInt(name, 10) }, power };
}

function readState() {
  try {
    return JSON.parse(readFileSync(values.state, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

/** Returns when. */
function save() {
  mkdirSync(dirname(values.state), { recursive: true });
  writeFileSync(`${values.state}.part`, JSON.stringify(state));
  renameSync(`${values.state}.part`, values.state);
  return performance.now();
}
