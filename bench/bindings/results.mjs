/** The committed results, bench/results/bindings-*.json, and what of them the document speaks of. */
import { readFileSync, readdirSync } from 'node:fs';

const FOLDER = new URL('../results/', import.meta.url);
const ORDER = ['cuda', 'webgpu', 'wasm'];

/** @param {string} name */
function read(name) {
  return JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8'));
}

/** What was measured before it was improved; the file says where. */
export const before = read('bindings-before.json');

/** Of each backend the run on the best device: a GPU before an emulated one, a machine with a GPU before others. */
export function readResults() {
  const runs = readdirSync(FOLDER)
    .filter((name) => /^bindings-.*\.json$/.test(name) && name !== 'bindings-before.json')
    .sort()
    .map((file) => ({ file, ...read(file) }))
    .sort((a, b) => rank(a) - rank(b));
  const backends = ORDER.flatMap((name) => {
    const having = runs.filter((run) => run.backends[name]);
    const run = having.find((one) => !one.backends[name].device.software) ?? having[0];
    return run ? [{ name, run, ...run.backends[name] }] : [];
  });
  return { runs, backends, page: runs.find((run) => run.page), cupy: runs.find((run) => run.cupy) };
}

/** @param {any} run */
function rank(run) {
  return run.backends.cuda ? 0 : 1;
}

/** What a reader should call it. @param {any} backend */
export function nameOf({ name, device }) {
  return `${name} (${device.name}${device.software ? ', emulated' : ''})`;
}

/** @param {any[] | undefined} rows @param {number} n */
export const at = (rows, n) => rows?.find((row) => row.n === n);
