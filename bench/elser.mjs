/**
 * `npm run bench:elser -- FOLDER`: the benchmark of Elser, Lan & Bendory, SIAM J. Imaging Sci. 11, 2429 (2018): atoms in 128 × 128
 * pixels, found by `rrr` with β 0.5 and a support size of 8 pixels an atom. FOLDER has the files data100E, data140E, … of
 * github.com/veitelser/phase-retrieval-benchmarks. A start is solved when 95 % of the power that its magnitudes stand for is in
 * the support. It then begins anew, until a problem has --solutions of them or its share of --seconds is over. The file
 * OUT.json keeps what was found, and the next run adds to it; OUT.md is its table.
 */
import { once } from 'node:events';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { createSession } from '../dist/index.js';
import { describeMachine } from './machine.mjs';
import { table } from './markdown.mjs';
import { measured, write } from './report.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    backend: { type: 'string', default: 'wasm' },
    problems: { type: 'string', default: '' },
    solutions: { type: 'string', default: '100' },
    starts: { type: 'string', default: '' },
    threads: { type: 'string', default: '' },
    every: { type: 'string', default: '' },
    out: { type: 'string', default: 'build/elser' },
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
const NEAR = 0.6;
/**
 * What all starts do in the first iterations is not counted. None is solved in the first few of them, so that easy problems
 * would seem harder; afterwards starts are at all stages of their search.
 */
const warmUpOf = (name) => Math.min(1000, 3 * (EXPECTED[name] ?? Infinity));
/** Starts that are made at once. */
const POOL = 256;
/** Pixels that may be among the largest: those above a part of the last threshold. */
const candidates = { above: 0, values: new Float32Array(PIXELS) };

const [folder] = positionals;
if (folder === undefined) {
  console.error('usage: npm run bench:elser -- FOLDER (data/ of github.com/veitelser/phase-retrieval-benchmarks)');
  process.exit(2);
}
const { backend } = values;
const [seconds, wanted] = [values.seconds, values.solutions].map(Number);
/** How many iterations pass between two looks at the residuals. */
const everyOf = (name) => Number(values.every || Math.ceil((EXPECTED[name] ?? 2500) / 20));
const isWasm = backend === 'wasm';
// A core has one start, which then stays in its cache. A GPU has many, in several sessions of several threads, because it
// iterates faster than a thread tests starts and makes new ones.
const starts = Number(values.starts || (isWasm ? 1 : 264));
const threads = Number(values.threads || (isWasm ? 1 : 4));
const sessions = isWasm ? 1 : 2;
/** What the threads do now, at the beginning of memory that they share. */
const [WAIT, SEARCH, STOP] = [0, 1, 2];

/**
 * By backend. Of a problem: solutions and the iterations that led to them, all iterations and the seconds that they took, and
 * how many threads have begun it.
 * @typedef {{ solutions: number, iterations: number, done: number, seconds: number, runs: number }} Found
 * @type {Record<string, { machine: import('./report.mjs').Machine, device: string, problems: Record<string, Found> }>}
 */
const state = isMainThread ? readState() : {};
if (isMainThread) await main();
else await searchOnThread(workerData);

async function main() {
  const names = readdirSync(folder).flatMap((file) => /^data(\d+[EMH])$/.exec(file)?.[1] ?? []);
  const chosen = values.problems === '' ? names : values.problems.split(',').filter((name) => names.includes(name));
  chosen.sort((a, b) => (EXPECTED[a] ?? Infinity) - (EXPECTED[b] ?? Infinity));
  const own = (state[backend] ??= { machine: {}, device: '', problems: {} });
  const stops = new AbortController();
  process.once('SIGINT', () => stops.abort());
  const began = performance.now();
  for (const [i, name] of chosen.entries()) {
    const left = seconds - (performance.now() - began) / 1000;
    const found = (own.problems[name] ??= { solutions: 0, iterations: 0, done: 0, seconds: 0, runs: 0 });
    if (!(left > 0 && found.solutions < wanted) || stops.signal.aborted) continue;
    own.machine = describeMachine({});
    own.device = await search(name, found, left / (chosen.length - i), stops.signal);
  }
  console.log(save());
}

/** Adds to what was found in a problem, for some seconds. Returns the device's name. */
async function search(name, found, seconds, signal) {
  const now = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from({ length: threads }, () => {
    // Every thread of every run has other starts.
    return new Worker(new URL(import.meta.url), {
      argv: process.argv.slice(2),
      workerData: { name, seed: found.runs++, now },
    });
  });
  const [[{ device }]] = await Promise.all(workers.map((worker) => once(worker, 'message')));
  const [clock, before] = [performance.now(), found.seconds];
  let saved = clock;
  const count = ({ solutions, iterations, done }) => {
    found.solutions += solutions;
    found.iterations += iterations;
    found.done += done;
    const time = performance.now();
    found.seconds = before + (time - clock) / 1000;
    if (found.solutions >= wanted || time - clock > 1000 * seconds || signal.aborted) Atomics.store(now, 0, STOP);
    if (time - saved < 1000) return;
    save();
    saved = time;
  };
  const ends = workers.map((worker) => {
    worker.on('message', count);
    return once(worker, 'exit');
  });
  Atomics.store(now, 0, SEARCH);
  Atomics.notify(now, 0);
  await Promise.all(ends);
  return device;
}

/** Tells how far it is after every look at the residuals. */
async function searchOnThread({ name, seed, now }) {
  const { problem, power } = readProblem(name);
  const fresh = freshStarts(problem, seed);
  const opened = [];
  for (let i = 0; i < sessions; i++) opened.push(await openSession(problem, fresh));
  parentPort.postMessage({ device: opened[0].device });
  Atomics.wait(now, 0, WAIT);
  const [every, warmUp] = [everyOf(name), warmUpOf(name)];
  const searches = opened.map(async (session) => {
    while (Atomics.load(now, 0) === SEARCH) {
      const counts = session.iterations >= warmUp;
      // `run` gives the event loop its turn several times, which would take a fifth of the time of a core.
      if (isWasm) for (let i = 0; i < every; i++) session.step();
      else await session.run(every);
      const [done, solved] = [starts * every, await renewSolved(session, problem, power, fresh)];
      // A start is solved somewhere in the iterations between two looks. Its first iteration is the one that writes it.
      const iterations = done - solved * (1 + (every - 1) / 2);
      parentPort.postMessage({
        done,
        ...(counts ? { solutions: solved, iterations } : { solutions: 0, iterations: 0 }),
      });
    }
    session.dispose();
  });
  await Promise.all(searches);
  await fresh.return();
}

async function openSession(problem, fresh) {
  const objects = [];
  for (let start = 0; start < starts; start++) objects.push((await fresh.next()).value);
  const object = new Float32Array(starts * PIXELS);
  objects.forEach((numbers, start) => object.set(numbers, start * PIXELS));
  const options = { algorithm: 'rrr', beta: BETA, backend, starts, start: { object } };
  const session = await createSession(problem, options);
  session.inverse();
  objects.forEach((x, start) => begin(session, start, x, x, largest(x, problem.supportSize)));
  return session;
}

/** Lets the starts that are solved begin anew, and returns how many they were. */
async function renewSolved(session, { supportSize }, power, fresh) {
  const residuals = await session.residuals();
  const near = [...residuals.keys()].filter((start) => residuals[start] < NEAR);
  if (near.length === 0) return 0;
  const iterates = await Promise.all(near.map((start) => session.readObject(start)));
  session.inverse();
  const images = await Promise.all(near.map((start) => session.readObject(start)));
  let solved = 0;
  for (const [i, start] of near.entries()) {
    const projected = largest(iterates[i], supportSize);
    if (!isSolved(projected, images[i], power)) continue;
    solved += 1;
    begin(session, start, (await fresh.next()).value, iterates[i], projected);
  }
  return solved;
}

/** After `inverse`: what the rule makes x of, in place of the new image, where it has the iterate `previous`. */
function begin(session, start, x, previous, projected) {
  const image = new Float32Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) image[i] = (x[i] - previous[i]) / BETA + projected[i];
  session.writeObject(image, start);
}

/** x without all but its largest positive pixels. */
function largest(x, size) {
  const leftOut = largestLeftOut(x, size);
  const projected = new Float32Array(PIXELS);
  for (let i = 0; i < PIXELS; i++) if (x[i] > leftOut) projected[i] = x[i];
  return projected;
}

function largestLeftOut(x, size) {
  let count = 0;
  for (let i = 0; i < PIXELS; i++) if (x[i] > candidates.above) candidates.values[count++] = x[i];
  if (count <= size) {
    if (candidates.above === 0) return 0;
    candidates.above = 0;
    return largestLeftOut(x, size);
  }
  const leftOut = selected(candidates.values.subarray(0, count), count - 1 - size);
  candidates.above = 0.7 * leftOut;
  return leftOut;
}

/** The k-th of the numbers by size, from 0. Partly sorts them (Hoare's selection): a GPU would wait for sorting. */
function selected(numbers, k) {
  let [low, high] = [0, numbers.length - 1];
  while (low < high) {
    const pivot = numbers[(low + high) >> 1];
    let [i, j] = [low, high];
    while (i <= j) {
      while (numbers[i] < pivot) i++;
      while (numbers[j] > pivot) j--;
      if (i <= j) [numbers[i++], numbers[j--]] = [numbers[j], numbers[i]];
    }
    if (k <= j) high = j;
    else if (k >= i) low = i;
    else break;
  }
  return numbers[k];
}

/** Whether 95 % of the power of the image is where the projected iterate has its pixels. */
function isSolved(projected, image, power) {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < image.length; i++) {
    if (projected[i] === 0) continue;
    sum += image[i];
    squares += image[i] ** 2;
  }
  return squares * PIXELS > POWER * (sum ** 2 + power);
}

/** Starts as theirs: the magnitudes with random phases, and positive. */
async function* freshStarts(problem, seed) {
  const pool = Math.min(starts, POOL);
  for (let firstStart = 0; ; firstStart += pool) {
    const session = await createSession(problem, { backend, seed, firstStart, starts: pool });
    try {
      for (let start = 0; start < pool; start++) {
        const object = await session.readObject(start);
        for (let i = 0; i < PIXELS; i++) object[i] += 0.5;
        yield object;
      }
    } finally {
      session.dispose();
    }
  }
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
    return JSON.parse(readFileSync(`${values.out}.json`, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}

function begun(problems) {
  return Object.entries(problems).filter(([, { seconds }]) => seconds > 0);
}

/** Returns the table. */
function save() {
  const where = Object.entries(state).map(
    ([name, { machine, device }]) =>
      `${name}: ${measured(machine)}, ${name === 'wasm' ? `one thread of ${machine.cpu}` : device}.`,
  );
  const rows = Object.entries(state).flatMap(([name, { problems }]) =>
    begun(problems).map(([problem, { solutions, iterations, done, seconds }]) => {
      // Numbers of iterations are distributed nearly exponentially: their deviation is their mean.
      const mean = iterations / solutions;
      const found = solutions > 0 ? [mean.toFixed(0), (mean / Math.sqrt(solutions)).toFixed(0)] : ['', ''];
      const rate = Number((done / seconds).toPrecision(3)).toLocaleString('en');
      return [problem, name, solutions, ...found, EXPECTED[problem] ?? '', rate];
    }),
  );
  const header = ['problem', 'backend', 'solutions', 'iterations for one', '±', 'in C', 'iterations a second'];
  const lines = table([header, ...rows], 2);
  write(values.out, state, `# Elser's benchmark\n\n${where.join('\n')}\n\n${lines}\n`);
  return lines;
}
