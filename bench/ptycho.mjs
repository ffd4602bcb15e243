/**
 * `node bench/ptycho.mjs`: patterns a second of ptychographic scans, beside a direct port to CuPy (peers/ptycho_cupy.py) in
 * the same run. Positions are whole pixels, an eighth of the probe apart; speed does not depend on what is in the patterns.
 * `--keep-patterns device,host` times patterns in both places in turns, and what comes from the host in GB a second.
 * `--out PATH` writes PATH.md and PATH.json.
 */
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createSession, listBackends } from '../dist/index.js';
import { describeMachine } from './machine.mjs';
import { takeTurns, timed, warmUp } from './measure.mjs';
import { runPeer } from './peers.mjs';
import { report } from './report.mjs';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cuda' },
    cases: { type: 'string', default: 'rpie:16,rpie:64,rpie:256,rpie:1024,lsqml:16,lsqml:128,dm:256,epie:1' },
    sizes: { type: 'string', default: '128,256,512' },
    positions: { type: 'string', default: '' },
    'keep-patterns': { type: 'string', default: '' },
    between: { type: 'boolean', default: false },
    modes: { type: 'string', default: '1' },
    ms: { type: 'string', default: '150' },
    peer: { type: 'boolean', default: true },
    out: { type: 'string', default: '' },
  },
  allowNegative: true,
});
const backends = /** @type {import('../dist/index.js').BackendName[]} */ (values.backend.split(','));
const sizes = values.sizes.split(',').map(Number);
const cases = values.cases.split(',').map((name) => {
  const [algorithm, batch] = name.split(':');
  return { algorithm: /** @type {import('../dist/index.js').ScanAlgorithm} */ (algorithm), batch: Number(batch) };
});
const places = /** @type {(import('../dist/index.js').PatternPlace | undefined)[]} */ (
  values['keep-patterns'] ? values['keep-patterns'].split(',') : [undefined]
);
const effort = { batchMs: Number(values.ms), rounds: 7, mostMs: 3000 };
const WARM_UP_MS = 300;

/** @type {string[]} */
const skipped = [];
const cupy = values.peer ? runPeer('CuPy', skipped, runCupy) : undefined;
const rows = [];
for (const n of sizes) {
  const scan = makeScan(n);
  for (const { algorithm, batch } of cases) {
    const positions = scan.positions.length / 2;
    if (batch > positions) continue;
    for (const backend of backends) {
      const candidates = [];
      for (const keepPatterns of places) {
        const options = { backend, algorithm, batch, modes: Number(values.modes), keepPatterns };
        const session = await createSession(scan, options);
        await warmUp(session, WARM_UP_MS);
        const run = timed((count) => session.run(count));
        candidates.push({ name: `${backend} ${keepPatterns ?? ''}`, session, keepPatterns, run });
      }
      const timings = await takeTurns(candidates, effort);
      const first = (1000 * positions) / timings[0].median;
      timings.forEach((timing, i) => {
        const { session, keepPatterns } = candidates[i];
        const { deviceBytes } = session.memory();
        session.dispose();
        const [median, low, high] = [timing.median, timing.high, timing.low].map((ms) => (1000 * positions) / ms);
        const peer = cupy?.find((row) => row.n === n && row.algorithm === algorithm && row.batch === batch);
        rows.push({
          ...{ n, positions, algorithm, batch, backend, median, low, high, cupy: peer?.patternsPerSecond },
          ...(keepPatterns && {
            ...{ keepPatterns, ofTheFirst: median / first, deviceMB: Math.round(deviceBytes / 1e6) },
            hostGBPerSecond: keepPatterns === 'host' ? (median * 4 * n * n) / 1e9 : undefined,
          }),
        });
        process.stderr.write(`bench: ${n} ${algorithm} ${batch} ${timing.name} ${Math.round(median)} patterns/s\n`);
      });
    }
  }
}
const devices = (await listBackends()).filter(({ name }) => backends.includes(name)).flatMap(({ devices }) => devices);
const machine = describeMachine(cupy ? { CuPy: cupy[0].version } : {});
const tables = {
  'Patterns a second': rows.map(({ low: _low, high: _high, cupy: peer, ...row }) => ({
    ...row,
    ...(cupy && { cupy: peer, faster: peer && row.median / peer }),
  })),
  Devices: devices.map(({ name, details }) => ({ name, ...details })),
};
report('Ptychographic scans', { machine, skipped, devices, rows }, tables, values.out);

/** @param {number} n */
function makeScan(n) {
  const count = Number(values.positions) || (n >= 512 ? 256 : 1024);
  const side = Math.ceil(Math.sqrt(count));
  let state = 1;
  const random = () => (state = (Math.imul(state, 747796405) + 2891336453) >>> 0) / 2 ** 32;
  const jitter = () => (values.between ? 2 * random() : Math.floor(3 * random()));
  const positions = Float64Array.from({ length: 2 * count }, (_, i) => {
    const cell = i % 2 === 0 ? Math.floor(i / 2 / side) : (i >> 1) % side;
    return (cell * n) / 8 + jitter();
  });
  const patterns = Float32Array.from({ length: count * n * n }, () => (2e6 / n ** 2) * random());
  const probe = new Float64Array(2 * n * n);
  for (let i = 0; i < n * n; i++) {
    const square = (Math.floor(i / n) - n / 2) ** 2 + ((i % n) - n / 2) ** 2;
    const size = Math.exp(-square / (2 * (n / 8) ** 2));
    probe[2 * i] = size * Math.cos((40 * square) / n ** 2);
    probe[2 * i + 1] = size * Math.sin((40 * square) / n ** 2);
  }
  return { patterns, shape: /** @type {[number, number]} */ ([n, n]), positions, probe };
}

function runCupy() {
  const peer = fileURLToPath(new URL('peers/ptycho_cupy.py', import.meta.url));
  const lines = execFileSync('python3', [peer], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  return lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}
