/** The tables of docs/call-costs.md, from the committed results bench/results/calls-*.json. */
import { readFileSync, readdirSync } from 'node:fs';
import { digits, image, size, table, time, times } from '../markdown.mjs';
import { overhead } from './shared.mjs';

const FOLDER = new URL('../results/', import.meta.url);
const CALLS = 'layer | call | median | quartiles';

/** @returns {Record<string, string>} */
export function callCosts() {
  const runs = readdirSync(FOLDER)
    .filter((name) => /^calls-.*\.json$/.test(name))
    .map((file) => ({ file, ...JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) }))
    // The machine with a GPU comes first. Its figures count if several runs have a backend.
    .sort((a, b) => Number('cuda' in b.backends) - Number('cuda' in a.backends));
  const backends = ['cuda', 'webgpu', 'wasm'].flatMap((name) => {
    const run = runs.find((one) => one.backends[name]);
    return run ? [{ name, ...run.backends[name] }] : [];
  });
  const { page } = runs.find((run) => run.page);
  const { cupy } = runs.find((run) => run.cupy);
  const cuda = backends.find(({ name }) => name === 'cuda');
  const places = [
    ...backends.map(({ name, granularity }) => ({ name, rows: granularity })),
    ...Object.entries(page.granularity).map(([name, rows]) => ({ name: `${name}, in a page`, rows })),
  ];

  const summary = (what, figure) => [what, ...backends.map(figure)];
  return {
    'calls-machines': runs.map(machineOf).join('\n'),
    'calls-summary': table([
      ['', ...backends.map(({ name }) => name)],
      summary('`step()` ÷ `run()` at 1024 × 1024', (b) => times(at(b.granularity, 1024)?.step.overRun)),
      summary('`step()` ÷ `run()` at 2048 × 2048', (b) => times(at(b.granularity, 2048)?.step.overRun)),
      summary('kernels ÷ `run()` at 2048 × 2048', (b) => times(at(b.granularity, 2048)?.kernels.overRun)),
      summary('object read and written each time ÷ `run()` at 1024 × 1024', (b) =>
        times(at(b.naive, 1024)?.naive, at(b.naive, 1024)?.run),
      ),
      summary('awaiting `run(1)` of 16 × 16', (b) => time(b.calls.find(({ what }) => what.includes('run(1)')).us)),
      summary('copies in 100 iterations, in whatever way they are called', (b) => copiesInLoop(b.copies.rows)),
    ]),
    'calls-each': tableOf(CALLS, [...runs[0].calls, ...backends.flatMap(({ calls }) => calls)].map(callRow)),
    'calls-page': tableOf(CALLS, page.calls.map(callRow)),
    'calls-overhead': tableOf(
      'backend | image | `run` | `step` | ÷ `run` | kernels | ÷ `run` | submitting a step | submitting kernels',
      places.flatMap(({ name, rows }) =>
        rows.map(({ n, run, step, kernels }) => [
          ...[name, image(n), time(run.total), time(step.total), times(step.overRun), time(kernels.total)],
          ...[times(kernels.overRun), time(step.submit), time(kernels.submit)],
        ]),
      ),
    ),
    'calls-models': tableOf(
      'backend | called by | work, in iterations of `run` | cost of a call | calls cost over 10 % below n =',
      places.flatMap(({ name, rows }) =>
        overhead.fitModels(rows).map(({ style, work, cost, costlyBelow }) => {
          return [name, style, digits(work), cost === 0 ? 'not measurable' : time(cost), costlyBelow];
        }),
      ),
    ),
    'calls-cupy': tableOf(
      'image | rephase, `run` | rephase, kernels | CuPy, port | of it submitting | CuPy, tuned | of it submitting',
      cupy.rows.map(({ n, port, tuned }) => [
        ...[image(n), time(at(cuda.granularity, n)?.run.total), time(at(cuda.granularity, n)?.kernels.total)],
        ...[port.total, port.submit, tuned.total, tuned.submit].map(time),
      ]),
      1,
    ),
    'calls-copies': tableOf(
      'backend | call | up | down | the independent counter saw',
      backends.flatMap(({ name, copies }) => copies.rows.map((row) => [name, ...copyRow(row)])),
    ),
    'calls-naive': tableOf(
      'backend | image | object stays | object comes back | ratio | copied an iteration',
      backends.flatMap(({ name, naive }) =>
        naive.map((row) => [
          ...[name, image(row.n), time(row.run), time(row.naive), times(row.naive, row.run), size(row.bytes)],
        ]),
      ),
    ),
    'calls-transfers': tableOf(
      'bytes | up, pageable | up, page-locked | down, pageable | down, page-locked | page-locking and freeing',
      cuda.transfers.map((row) => [
        size(row.bytes),
        ...[row.upPageableUs, row.upPageLockedUs, row.downPageableUs, row.downPageLockedUs, row.pageLockUs].map(time),
      ]),
      1,
    ),
    'calls-memory': tableOf(
      'backend | algorithm | device, bytes a pixel | and | host, bytes a pixel | and | peak, by the independent counter',
      backends.flatMap(({ name, memory }) =>
        memory.rows.map((row) => [
          ...[name, `\`${row.algorithm}\``, row.device.toFixed(1), size(row.fixedDeviceBytes), row.host.toFixed(1)],
          ...[size(row.fixedHostBytes), row.peakSeen.toFixed(1)],
        ]),
      ),
    ),
    'calls-life': tableOf(
      'backend | create, iterate, dispose | process grew by | dropped: most held | after collection | a session has',
      backends.map(({ name, cycles, abandoned }) => [
        ...[name, `${time(1000 * cycles.milliseconds)}, ${cycles.cycles} times`, size(cycles.residentBytesAdded)],
        ...[abandoned.mostHeldBytes, abandoned.leftBytes, abandoned.sessionBytes].map(size),
      ]),
      1,
    ),
  };
}

/**
 * @param {string} header
 * @param {(string | number)[][]} rows
 * @param {number} [left] columns at the left
 */
function tableOf(header, rows, left = 2) {
  return table([header.split(' | '), ...rows], left);
}

/** @param {any[] | undefined} rows @param {number} n */
function at(rows, n) {
  return rows?.find((row) => row.n === n);
}

function machineOf({ file, machine, backends, page }) {
  const devices = Object.entries(backends).map(([name, { device }]) => `${name} on ${device.name}`);
  const browser = page ? `, ${page.browser}` : '';
  return `- \`bench/results/${file}\`: ${machine.date.slice(0, 10)}, commit ${machine.commit}, ${machine.cpu}, ${machine.cores} cores, Node ${machine.versions.Node}${browser}; ${devices.join(', ')}`;
}

function callRow({ layer, what, us, low, high }) {
  return [layer, what, time(us), `${time(low)} – ${time(high)}`];
}

function copyRow({ path, own, seen }) {
  const copied = (count, bytes) => (count === 0 ? '0' : `${count}, ${size(bytes)}`);
  const up = (counts) => copied(counts.uploads, counts.uploadedBytes);
  const down = (counts) => copied(counts.downloads, counts.downloadedBytes);
  const same = seen.uploadedBytes === own.uploadedBytes && seen.downloadedBytes === own.downloadedBytes;
  return [path, up(own), down(own), same ? 'the same bytes' : `${up(seen)} up; ${down(seen)} down`];
}

/** Copies in iterations that the session and the independent counter saw, in all ways of calling. */
function copiesInLoop(rows) {
  const loops = rows.filter((row) => row.iterations).flatMap(({ own, seen }) => [own, seen]);
  return loops.reduce((sum, { uploads, downloads }) => sum + uploads + downloads, 0);
}
