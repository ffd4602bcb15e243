/** The tables of docs/call-costs.md, from the committed results bench/results/calls-*.json. */
import { readFileSync, readdirSync } from 'node:fs';
import { digits, image, size, table, time, times } from '../markdown.mjs';
import { buildShared, shared } from './shared.mjs';

const FOLDER = new URL('../results/', import.meta.url);

/** @param {any[] | undefined} rows @param {number} n */
const at = (rows, n) => rows?.find((row) => row.n === n);

/** @returns {Promise<Record<string, string>>} */
export async function callCosts() {
  await buildShared();
  const { fitModels } = await shared();
  const runs = readdirSync(FOLDER)
    .filter((name) => /^calls-.*\.json$/.test(name))
    .map((file) => ({ file, ...JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) }))
    // The machine with a GPU comes first, and its figures count where several runs have a backend.
    .sort((a, b) => Number('cuda' in b.backends) - Number('cuda' in a.backends));
  /** @type {any[]} */
  const backends = ['cuda', 'webgpu', 'wasm'].flatMap((name) => {
    const run = runs.find((one) => one.backends[name]);
    return run ? [{ name, ...run.backends[name] }] : [];
  });
  const page = runs.find((run) => run.page)?.page;
  const cupy = runs.find((run) => run.cupy)?.cupy;
  const cuda = backends.find(({ name }) => name === 'cuda');
  const places = [
    ...backends.map(({ name, granularity }) => ({ name, granularity })),
    ...Object.entries(page.granularity).map(([name, granularity]) => ({ name: `${name}, in a page`, granularity })),
  ];
  const perBackend = (/** @type {(backend: any) => (string | number)[][]} */ rows) => backends.flatMap(rows);
  return {
    'calls-machines': runs
      .map(({ file, machine, backends: on, page: inPage }) => {
        const devices = Object.entries(on).map(([name, { device }]) => `${name} on ${device.name}`);
        const browser = inPage ? `, ${inPage.browser}` : '';
        return `- \`bench/results/${file}\`: ${machine.date.slice(0, 10)}, commit ${machine.commit}, ${machine.cpu}, ${machine.cores} cores, Node ${machine.versions.Node}${browser}; ${devices.join(', ')}`;
      })
      .join('\n'),
    'calls-summary': table([
      ['', ...backends.map(({ name }) => name)],
      ...[1024, 2048].map((n) => [
        `\`step()\` ÷ \`run()\` at ${image(n)}`,
        ...backends.map((b) => times(at(b.granularity, n)?.step.overRun)),
      ]),
      [
        `kernels ÷ \`run()\` at ${image(2048)}`,
        ...backends.map((b) => times(at(b.granularity, 2048)?.kernels.overRun)),
      ],
      [
        'object read and written each time ÷ `run()` at 1024 × 1024',
        ...backends.map((b) => times(at(b.naive, 1024)?.naive, at(b.naive, 1024)?.run)),
      ],
      [
        'awaiting `run(1)` of 16 × 16',
        ...backends.map((b) => time(b.calls.find((/** @type {any} */ { what }) => what.includes('run(1)')).us)),
      ],
      ['copies in 100 iterations, in whatever way they are called', ...backends.map((b) => copiesInLoop(b.copies))],
    ]),
    'calls-each': table(
      [
        ['layer', 'call', 'median', 'quartiles'],
        ...[...runs[0].calls, ...perBackend(({ calls }) => calls)].map(callRow),
      ],
      2,
    ),
    'calls-page': table([['layer', 'call', 'median', 'quartiles'], ...page.calls.map(callRow)], 2),
    'calls-overhead': table(
      [
        [
          'backend',
          'image',
          '`run`',
          '`step`',
          '÷ `run`',
          'kernels',
          '÷ `run`',
          'submitting a step',
          'submitting kernels',
        ],
        ...places.flatMap(({ name, granularity }) =>
          granularity.map((/** @type {any} */ { n, run, step, kernels }) => [
            ...[name, image(n), time(run.total), time(step.total), times(step.overRun), time(kernels.total)],
            ...[times(kernels.overRun), time(step.submit), time(kernels.submit)],
          ]),
        ),
      ],
      2,
    ),
    'calls-models': table(
      [
        ['backend', 'called by', 'work, in iterations of `run`', 'cost of a call', 'calls cost over 10 % below n ='],
        ...places.flatMap(({ name, granularity }) =>
          fitModels(granularity).map((/** @type {any} */ model) => {
            const cost = model.price === 0 ? 'not measurable' : time(model.price);
            return [name, model.granularity, digits(model.work), cost, model.costlyBelow];
          }),
        ),
      ],
      2,
    ),
    'calls-cupy': table([
      [
        'image',
        'rephase, `run`',
        'rephase, kernels',
        'CuPy, port',
        'of it submitting',
        'CuPy, tuned',
        'of it submitting',
      ],
      ...cupy.rows.map((/** @type {any} */ { n, port, tuned }) => [
        ...[image(n), time(at(cuda.granularity, n)?.run.total), time(at(cuda.granularity, n)?.kernels.total)],
        ...[port, tuned].flatMap(({ total, submit }) => [time(total), time(submit)]),
      ]),
    ]),
    'calls-copies': table(
      [
        ['backend', 'call', 'up', 'down', 'the independent counter saw'],
        ...perBackend(({ name, copies }) =>
          copies.rows.map((/** @type {any} */ { path, own, seen }) => [
            ...[name, path, copied(own.uploads, own.uploadedBytes), copied(own.downloads, own.downloadedBytes)],
            seen.uploadedBytes === own.uploadedBytes && seen.downloadedBytes === own.downloadedBytes
              ? 'the same bytes'
              : `${copied(seen.uploads, seen.uploadedBytes)} up; ${copied(seen.downloads, seen.downloadedBytes)} down`,
          ]),
        ),
      ],
      2,
    ),
    'calls-naive': table(
      [
        ['backend', 'image', 'object stays', 'object comes back', 'ratio', 'copied an iteration'],
        ...perBackend(({ name, naive }) =>
          naive.map((/** @type {any} */ row) => [
            ...[name, image(row.n), time(row.run), time(row.naive), times(row.naive, row.run), size(row.bytes)],
          ]),
        ),
      ],
      2,
    ),
    'calls-transfers': table([
      ['bytes', 'up, pageable', 'up, page-locked', 'down, pageable', 'down, page-locked', 'page-locking and freeing'],
      ...cuda.transfers.map((/** @type {any} */ row) => [
        size(row.bytes),
        ...[row.upPageableUs, row.upPageLockedUs, row.downPageableUs, row.downPageLockedUs, row.pageLockUs].map(time),
      ]),
    ]),
    'calls-memory': table(
      [
        [
          'backend',
          'algorithm',
          'device, bytes a pixel',
          'and',
          'host, bytes a pixel',
          'and',
          'peak, by the independent counter',
        ],
        ...perBackend(({ name, memory }) =>
          memory.rows.map((/** @type {any} */ row) => [
            ...[name, `\`${row.algorithm}\``, row.device.toFixed(1), size(row.fixedDeviceBytes), row.host.toFixed(1)],
            ...[size(row.fixedHostBytes), row.peakSeen === undefined ? '–' : row.peakSeen.toFixed(1)],
          ]),
        ),
      ],
      2,
    ),
    'calls-life': table([
      [
        'backend',
        'create, iterate, dispose',
        'process grew by',
        'dropped: most held',
        'after collection',
        'a session has',
      ],
      ...backends.map(({ name, cycles, abandoned }) => [
        ...[name, `${time(1000 * cycles.milliseconds)}, ${cycles.cycles} times`, size(cycles.residentBytesAdded)],
        ...[abandoned.mostHeldBytes, abandoned.leftBytes, abandoned.sessionBytes].map(size),
      ]),
    ]),
  };
}

/** @param {any} call */
function callRow({ layer, what, us, low, high }) {
  return [layer, what, time(us), `${time(low)} – ${time(high)}`];
}

/** @param {number} count @param {number} bytes */
function copied(count, bytes) {
  return count === 0 ? '0' : `${count}, ${size(bytes)}`;
}

/** What the session and the independent counter saw together, whatever the iterations were called by. @param {any} copies */
function copiesInLoop({ rows }) {
  const loops = rows.filter((/** @type {any} */ row) => row.iterations);
  return loops.reduce((/** @type {number} */ sum, /** @type {any} */ { own, seen }) => {
    const of = (/** @type {any} */ count) => (count ? count.uploads + count.downloads : 0);
    return sum + of(own) + of(seen);
  }, 0);
}
