/**
 * `node bench/devices.mjs --backend cuda`: milliseconds of `retrieve` with many starts on one device and on all of them, in
 * turns. Writes bench/results/devices.json and .md.
 */
import { parseArgs } from 'node:util';
import { listBackends, retrieve, simulate, uniform } from '../dist/index.js';
import { describeMachine } from './machine.mjs';
import { digits, table } from './markdown.mjs';
import { takeTurns, timed } from './measure.mjs';
import { kept, publish } from './report.mjs';

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
const fasterBy = one.median / all.median;
const lines = timings.map(({ name, ...ms }) => {
  const [median, low, high] = [ms.median, ms.low, ms.high].map((time) => digits(time / 1000));
  return [name, median, `${low} to ${high}`];
});
publish(
  'Many starts on several devices',
  { machine: describeMachine({}), backend, devices, size, starts, iterations, timings, fasterBy },
  `${backend}, ${devices.map(({ name }) => name).join(', ')}. ${starts} starts of ${size} × ${size}, ${iterations} iterations of \`hio\`: ${digits(fasterBy)} times as fast on all of them.`,
  [table([['', 'seconds', 'quartiles'], ...lines])],
  values.out ?? kept('devices'),
);
