/**
 * `node bench/devices.mjs --backend cuda`: milliseconds of `retrieve` with many starts on one device and on all of them, in
 * turns. Writes bench/results/devices.json.
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { listBackends, retrieve, simulate, uniform } from '../dist/index.js';
import { describeMachine } from './machine.mjs';
import { digits, table } from './markdown.mjs';
import { takeTurns, timed } from './measure.mjs';

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'cuda' },
    size: { type: 'string', default: '512' },
    starts: { type: 'string', default: '64' },
    iterations: { type: 'string', default: '20000' },
    out: { type: 'string' },
  },
});
const { backend } = values;
const [size, starts, iterations] = [values.size, values.starts, values.iterations].map(Number);
const devices = (await listBackends()).find(({ name }) => name === backend)?.devices ?? [];
if (devices.length < 2)
  throw new Error(`--backend: ${backend} has ${devices.length} devices here; takes one with several`);

const shape = /** @type {const} */ ([size / 2, size / 2]);
const image = Float64Array.from({ length: (size / 2) ** 2 }, (_, pixel) => uniform(1, 1e6, pixel));
const { magnitudes, support, ...padded } = await simulate({ image, shape, pad: 2 });
const problem = { magnitudes, shape: padded.shape, support };
/** @param {number | 'all'} device */
const competitor = (device) => ({
  name: device === 'all' ? `all ${devices.length} devices` : 'one device',
  run: timed(async (/** @type {number} */ calls) => {
    for (let call = 0; call < calls; call++)
      await retrieve(problem, { chain: `hio*${iterations}`, starts, backend, device, inspect: false });
  }),
});
const timings = await takeTurns([competitor(0), competitor('all')], { batchMs: 1, rounds: 7 });
const [one, all] = timings;
console.log(`${backend}, ${devices.map(({ name }) => name).join(', ')}: ${starts} starts of ${size} × ${size}, ${iterations} iterations of hio
${table([['', 'seconds', 'quartiles'], ...timings.map(({ name, ...ms }) => [name, ...[digits(ms.median / 1000), `${digits(ms.low / 1000)} to ${digits(ms.high / 1000)}`]])])}
${digits(one.median / all.median)} times as fast`);
const result = {
  machine: describeMachine({}),
  backend,
  devices,
  size,
  starts,
  iterations,
  timings,
  fasterBy: one.median / all.median,
};
const target = values.out ?? fileURLToPath(new URL('results/devices', import.meta.url));
writeFileSync(`${target}.json`, `${JSON.stringify(result, null, 2)}\n`);
