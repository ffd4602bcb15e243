/**
 * `npm run bench:ptycho-quality`: how near to the truth reconstructions of simulated scans come, with the probe, the positions
 * or the orientation unknown, and what is left of a measured one. Writes bench/results/ptycho-quality.json and .md.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { unzipSync } from 'fflate';
import {
  alignedScanError,
  guessProbe,
  guessScan,
  illumination,
  orientScan,
  retrieve,
  simulateScan,
  uniform,
} from '../dist/index.js';
import { decodeComplexNpy, decodeNpy } from '../dist/formats.js';
import { describeMachine } from './machine.mjs';
import { digits, table } from './markdown.mjs';
import { kept, publish } from './report.mjs';
import { aperture, defocusOf, discs, spiral } from './scene.mjs';

/** @typedef {import('../dist/index.js').Scan} Scan @typedef {readonly [number, number]} Shape */

const { values } = parseArgs({
  options: {
    siemens: { type: 'string' },
    backend: { type: 'string', default: 'wasm' },
    out: { type: 'string', default: '' },
  },
});
const backend = /** @type {'wasm'} */ (values.backend);
const PHOTONS = 1e6;
/** @type {{ what: string, measured: number, target: string, met: boolean }[]} */
const rows = [];

await unknownProbe();
await unknownPositions();
await unknownOrientation();
if (values.siemens) await measuredStar(values.siemens);

const lines = rows.map(({ what, measured, target, met }) => [what, digits(measured), target, met ? 'yes' : '**no**']);
publish(
  'Reconstructions of scans',
  { machine: describeMachine({}), backend, rows },
  `backend ${backend}. Simulated scans of overlapping discs on Fermat spirals,
${PHOTONS.toExponential()} photons a pattern with counting noise, begun from vacuum. Errors are relative to the true object where much light fell,
after removing factor, linear phase and shift.`,
  [table([['what', 'measured', 'wanted', 'met'], ...lines])],
  values.out || kept('ptycho-quality'),
);

/** 400 patterns of 128²; the probe that it begins with is too small and has too little defocus. */
async function unknownProbe() {
  const shape = /** @type {const} */ ([128, 128]);
  const { scan, object, weight } = await simulated(shape, spiral(400, 11, 2, true), { radius: 0.3, defocus: 25 });
  const probe = await lens(shape, { radius: 0.28, defocus: 18 });
  for (const [algorithm, residual, error] of /** @type {const} */ ([
    ['rpie', 0.05, 0.036],
    ['lsqml', 0.049, 0.031],
  ])) {
    const options = { algorithm, batch: 16, iterations: 100, backend };
    const result = await retrieve({ ...scan, probe, object: vacuum(object.shape) }, options);
    atMost(`${algorithm}, 100 iterations: residual`, result.residual, residual);
    const aligned = await alignedScanError(result.object, object.data, object.shape, { weight });
    atMost(`${algorithm}, 100 iterations: error of the object`, aligned.error, error);
  }
}

/** Positions that are wrong by 1.5 pixels each way. */
async function unknownPositions() {
  const shape = /** @type {const} */ ([64, 64]);
  const { scan, object, weight } = await simulated(shape, spiral(49, 10, 8, false), { radius: 0.35, defocus: 14 });
  const probe = await lens(shape, { radius: 0.33, defocus: 10 });
  const positions = scan.positions.map((place, i) => place + 1.5 * normal(5, i));
  const start = { ...scan, probe, positions, object: vacuum(object.shape) };
  const options = /** @type {const} */ ({ batch: 8, iterations: 200, backend });
  const result = await retrieve(start, { ...options, positionsFrom: 20 });
  const aligned = await alignedScanError(result.object, object.data, object.shape, { weight });
  atMost(
    'positions corrected: rms error in pixels, affine part removed',
    affineRms(result.positions, scan.positions),
    0.05,
  );
  atMost('positions corrected: error of the object', aligned.error, 0.04);
}

/** Nothing is known but the patterns and the positions, and the detector is mounted transposed and mirrored. */
async function unknownOrientation() {
  const shape = /** @type {const} */ ([64, 64]);
  const { scan } = await simulated(shape, spiral(49, 10, 2, true), { radius: 0.35, defocus: 14 });
  const mounted = orientScan(scan, [true, false, true]);
  const [best, twin, third] = await guessScan(mounted, { backend });
  const right = [best, twin].some(
    ({ orientation, defocus }) => orientation.join() === 'true,true,false' && defocus > 0,
  );
  atMost('search: residual as a share of the third best', right ? best.residual / third.residual : Infinity, 0.7);
}

/** @param {string} path of an .npz file with data, probe and scan, as tike's tests have them */
async function measuredStar(path) {
  const files = unzipSync(readFileSync(path));
  const { data, shape } = decodeNpy(files['data.npy']);
  const [n, columns] = shape.slice(-2);
  const size = /** @type {const} */ ([n, columns]);
  const probe = Float64Array.from(decodeComplexNpy(files['probe.npy']).data);
  const positions = Float64Array.from(decodeNpy(files['scan.npy']).data);
  const scan = { patterns: data, shape: size, positions, probe };
  const result = await retrieve(scan, { batch: 16, iterations: 20, backend });
  atMost('measured Siemens star, rpie, 20 iterations: residual', result.residual, 0.125);
  for (const [how, move] of /** @type {[string, (row: number, column: number) => number[]][]} */ ([
    ['rows the other way', (row, column) => [-row, column]],
    ['columns the other way', (row, column) => [row, -column]],
    ['rows and columns swapped', (row, column) => [column, row]],
  ])) {
    const moved = positions.map((_, i) => move(positions[i - (i % 2)], positions[i - (i % 2) + 1])[i % 2]);
    const { residual } = await retrieve({ ...scan, positions: moved }, { batch: 16, iterations: 3, backend });
    rows.push({
      what: `… ${how}, 3 iterations: residual`,
      measured: residual,
      target: 'above 0.2',
      met: residual > 0.2,
    });
  }
}

/**
 * @param {Shape} shape
 * @param {Float64Array} positions
 * @param {{ radius: number, defocus: number }} beam
 */
async function simulated(shape, positions, beam) {
  const most = [0, 1].map((axis) => Math.ceil(Math.max(...positions.filter((_, i) => i % 2 === axis))));
  const margin = Math.floor(Math.min(...positions));
  const size = /** @type {Shape} */ ([most[0] + shape[0] + margin, most[1] + shape[1] + margin]);
  let drawn = 0;
  const object = { data: discs(size, () => uniform(11, 0, drawn++)), shape: size };
  const truth = await simulateScan({
    object,
    probe: await lens(shape, beam),
    shape,
    positions,
    photons: PHOTONS,
    seed: 1,
  });
  const { data: light } = await illumination(truth);
  const brightest = light.reduce((a, b) => Math.max(a, b));
  const weight = light.map((counts) => Number(counts > 0.3 * brightest));
  /** @type {Scan} */
  const scan = { patterns: truth.patterns, shape, positions };
  return { scan, object, weight };
}

/**
 * The focus of a lens whose aperture reaches to `radius` of the highest frequency, with `defocus` radians at its edge.
 * @param {Shape} shape
 * @param {{ radius: number, defocus: number }} lens
 */
function lens(shape, { radius, defocus }) {
  const scan = { patterns: aperture(shape, radius), shape, positions: new Float64Array(2) };
  return guessProbe(scan, { defocus: defocusOf(radius, defocus) });
}

/** @param {Shape} shape */
function vacuum(shape) {
  return { data: Float64Array.from({ length: 2 * shape[0] * shape[1] }, (_, i) => 1 - (i % 2)), shape };
}

/** Of mean 0 and variance 1, by Box and Muller. @param {number} seed @param {number} i */
function normal(seed, i) {
  return Math.sqrt(-2 * Math.log(1 - uniform(seed, 1, i))) * Math.cos(2 * Math.PI * uniform(seed, 2, i));
}

/**
 * What is left of the difference of positions after the affine map of the true ones that fits it best.
 * @param {Float64Array} positions
 * @param {ArrayLike<number>} truth
 */
function affineRms(positions, truth) {
  const count = positions.length / 2;
  const basis = Array.from({ length: count }, (_, j) => [1, truth[2 * j], truth[2 * j + 1]]);
  let squares = 0;
  for (const axis of [0, 1]) {
    const difference = basis.map((_, j) => positions[2 * j + axis] - truth[2 * j + axis]);
    // Normal equations, solved by elimination.
    const system = [0, 1, 2].map((a) => [
      ...[0, 1, 2].map((b) => basis.reduce((sum, row) => sum + row[a] * row[b], 0)),
      basis.reduce((sum, row, j) => sum + row[a] * difference[j], 0),
    ]);
    for (let a = 0; a < 3; a++) {
      for (let b = 0; b < 3; b++) {
        if (b === a) continue;
        const factor = system[b][a] / system[a][a];
        for (let c = a; c < 4; c++) system[b][c] -= factor * system[a][c];
      }
    }
    const map = system.map((row, a) => row[3] / row[a]);
    squares += difference.reduce(
      (sum, d, j) => sum + (d - basis[j].reduce((fit, b, a) => fit + b * map[a], 0)) ** 2,
      0,
    );
  }
  return Math.sqrt(squares / count);
}

/** @param {string} what @param {number} measured @param {number} most */
function atMost(what, measured, most) {
  rows.push({ what, measured, target: `at most ${most}`, met: measured <= most });
  console.error(`bench: ${what}: ${measured.toPrecision(4)}`);
}
