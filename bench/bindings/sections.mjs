/** The tables of docs/bindings.md, each from the results of one backend or one run. */
import { inLoop } from './findings.mjs';
import { digits, image, percent, size, table, time, times } from './format.mjs';
import { at } from './results.mjs';

/** @param {any[]} calls */
export function callsTable(calls) {
  const device = calls.some(({ deviceUs }) => deviceUs !== undefined);
  return table(
    [
      ['layer', 'call', 'median', 'quartiles', ...(device ? ['on the device'] : [])],
      ...calls.map((call) => [
        ...[call.layer, call.what, time(call.us), `${time(call.low)} – ${time(call.high)}`],
        ...(device ? [call.deviceUs === undefined ? '' : time(call.deviceUs)] : []),
      ]),
    ],
    2,
  );
}

/** @param {any} backend */
export function granularityTable({ granularity, deviceTimes }) {
  const device = (/** @type {any} */ row, /** @type {string} */ name) =>
    row[name].device ?? at(deviceTimes, row.n)?.[name];
  const timed = granularity.some((/** @type {any} */ row) => device(row, 'run') !== undefined);
  const columns = (/** @type {any} */ row, /** @type {string} */ name) => [
    name === 'run' ? time(row.run.total) : `${time(row[name].total)} (${times(row[name].overRun)})`,
    time(row[name].submit),
    ...(timed ? [time(device(row, name))] : []),
  ];
  const names = ['run', 'step', 'kernels'];
  return table([
    ['image', ...names.flatMap((name) => [`\`${name}\``, 'submitting', ...(timed ? ['device'] : [])])],
    ...granularity.map((/** @type {any} */ row) => [image(row.n), ...names.flatMap((name) => columns(row, name))]),
  ]);
}

/** @param {any[]} models */
export function modelTable(models) {
  return table([
    ['granularity', 'work, in iterations of `run`', 'calls', 'a call', 'residuals', 'calls cost over 10 % below'],
    ...models.map(({ granularity, work, calls, price, residuals, costlyBelow }) => [
      `\`${granularity}\``,
      digits(work),
      calls,
      price === 0 ? 'too little to tell' : time(price),
      residuals.map((/** @type {any} */ { n, relative }) => `${n}: ${percent(1 + relative)}`).join(', '),
      costlyBelow === 'none'
        ? 'no size measured'
        : costlyBelow === 'all'
          ? 'every size measured'
          : `n = ${costlyBelow}`,
    ]),
  ]);
}

/** @param {any} cupy @param {any} cuda */
export function cupyTable({ rows }, cuda) {
  return table([
    [
      'image',
      'rephase, kernels',
      'rephase, run',
      'CuPy, port',
      'submitting',
      'device',
      'CuPy, tuned',
      'submitting',
      'device',
    ],
    ...rows.map((/** @type {any} */ { n, port, tuned }) => {
      const row = at(cuda?.granularity, n);
      return [
        ...[image(n), time(row?.kernels.total), time(row?.run.total)],
        ...[port, tuned].flatMap(({ total, submit, device }) => [time(total), time(submit), time(device)]),
      ];
    }),
  ]);
}

/** @param {any} copies */
export function copiesTable({ rows, witness }) {
  const cell = (/** @type {number} */ count, /** @type {number} */ bytes) =>
    count === 0 ? '0' : `${count}, ${size(bytes)}`;
  const agree = (/** @type {any} */ { own, seen }) =>
    own.uploadedBytes === seen.uploadedBytes && own.downloadedBytes === seen.downloadedBytes;
  return table([
    ['call', 'up', 'down', ...(witness ? ['the witness saw'] : [])],
    ...rows.map((/** @type {any} */ row) => [
      row.path
        .replace(/^(?:create|read|write|residual)\w+/, (/** @type {string} */ name) => `\`${name}\``)
        .replace(/by (\w+)$/, 'by `$1`'),
      cell(row.own.uploads, row.own.uploadedBytes),
      cell(row.own.downloads, row.own.downloadedBytes),
      ...(witness
        ? [
            agree(row)
              ? 'the same bytes'
              : `${cell(row.seen.uploads, row.seen.uploadedBytes)} up; ${cell(row.seen.downloads, row.seen.downloadedBytes)} down`,
          ]
        : []),
    ]),
  ]);
}

/** @param {any} copies */
export function copiesSummary(copies) {
  const loops = copies.rows.filter((/** @type {any} */ row) => row.iterations);
  const kernels = loops.filter((/** @type {any} */ { seen }) => seen?.kernels);
  const counted = kernels.map(
    (/** @type {any} */ row) => `${digits(row.seen.kernels / row.iterations)} by ${row.path.replace(/.* by /, '')}`,
  );
  return `${inLoop(copies) === 0 ? 'No iteration copied anything, by whatever granularity' : `Iterations made ${inLoop(copies)} copies`}${
    copies.witness ? `; the witness is ${copies.witness}` : `; there was no witness: ${copies.noWitness}`
  }.${counted.length > 0 ? ` It counted for each iteration so many kernels: ${counted.join(', ')}.` : ''}${
    kernels.length > 0 &&
    copies.rows.some((/** @type {any} */ { own, seen }) => seen?.uploadedBytes > own.uploadedBytes)
      ? ' What it saw beyond the session’s own count when one is created are the tables of its plans.'
      : ''
  }`;
}

/** @param {any[]} backends */
export function naiveTable(backends) {
  return table(
    [
      ['backend', 'image', 'stays', 'comes back each time', '', 'copied an iteration'],
      ...backends.flatMap(({ name, naive = [] }) =>
        naive.map((/** @type {any} */ row) => [
          name,
          image(row.n),
          time(row.run),
          time(row.naive),
          times(row.naive / row.run),
          size(row.bytes),
        ]),
      ),
    ],
    2,
  );
}

/** @param {any[]} transfers */
export function transfersTable(transfers) {
  const rate = (/** @type {number} */ bytes, /** @type {number} */ us) =>
    `${time(us)} (${digits(bytes / us / 1000)} GB/s)`;
  return table([
    ['bytes', 'up, pageable', 'up, page-locked', 'down, pageable', 'down, page-locked', 'page-locking and freeing'],
    ...transfers.map((row) => [
      size(row.bytes),
      ...[row.upPageableUs, row.upPageLockedUs, row.downPageableUs, row.downPageLockedUs].map((us) =>
        rate(row.bytes, us),
      ),
      time(row.pageLockUs),
    ]),
  ]);
}

/** @param {any[]} backends */
export function memoryTable(backends) {
  return table(
    [
      [
        'backend',
        'rule',
        'device, bytes a pixel',
        'beside',
        'host, bytes a pixel',
        'beside',
        'peak by the witness, bytes a pixel',
      ],
      ...backends.flatMap(({ name, memory }) =>
        (memory?.rows ?? []).map((/** @type {any} */ row) => [
          ...[name, `\`${row.algorithm}\``, row.device.toFixed(1), size(row.fixedDeviceBytes)],
          ...[
            row.host.toFixed(1),
            size(row.fixedHostBytes),
            row.peakSeen === undefined ? '–' : row.peakSeen.toFixed(1),
          ],
        ]),
      ),
    ],
    2,
  );
}

/** @param {any[]} backends */
export function lifeTable(backends) {
  return table([
    [
      'backend',
      'create, one iteration, dispose',
      'process afterwards',
      'device afterwards',
      'dropped: most held',
      'after collection',
      'a session',
    ],
    ...backends
      .filter(({ cycles, abandoned }) => cycles && abandoned)
      .map(({ name, cycles, abandoned }) => [
        name,
        `${time(1000 * cycles.milliseconds)}, ${cycles.cycles} times`,
        `${cycles.residentBytesAdded >= 0 ? '+' : ''}${size(cycles.residentBytesAdded)}`,
        cycles.deviceBytesAdded === undefined
          ? '–'
          : `${cycles.deviceBytesAdded >= 0 ? '+' : ''}${size(cycles.deviceBytesAdded)}`,
        ...[abandoned.mostHeldBytes, abandoned.leftBytes, abandoned.sessionBytes].map(size),
      ]),
  ]);
}

/** @param {any[]} backends @param {any} before */
export function allocationsTable(backends, before) {
  return table([
    ['backend', '`step()` before', 'now', 'four kernels before', 'now'],
    ...backends
      .filter(({ allocations }) => allocations)
      .map(({ name, allocations }) => {
        const old = before.allocations[name];
        return [
          name,
          old ? size(old.step) : '–',
          size(allocations.step),
          old ? size(old.kernels) : '–',
          size(allocations.kernels),
        ];
      }),
  ]);
}

/** @param {any[]} backends @param {any} before */
export function ownConstraint(backends, { naiveBytes: { n, wasm: old } }) {
  const now = at(backends.find(({ name }) => name === 'wasm')?.naive, n)?.bytes;
  if (now === undefined) return '';
  return `An object that is written in place of the rule went to the device twice, the second time as the iterate, from a copy that the session kept of it. Now what becomes the iterate is copied on the device: at ${image(n)} an iteration of the loop that copies always copies ${size(now)} on wasm, where it was ${size(old)}.`;
}

/** @param {any} backend @param {{ n: number, naive: number }[]} old */
export function scaledTable(backend, old) {
  const rows = old.map(({ n, naive }) => ({ n, naive, now: at(backend.naive, n) })).filter(({ now }) => now);
  return table([
    ['image', 'before', 'now'],
    ...rows.map(({ n, naive, now }) => [image(n), time(naive), time(now.naive)]),
  ]);
}

/** @param {any} cuda @param {any[]} old */
export function kernelsTable(cuda, old) {
  return table([
    ['image', 'four kernels before', '', 'now', ''],
    ...old.flatMap(({ n, run, kernels }) => {
      const row = at(cuda.granularity, n);
      return row
        ? [[image(n), time(kernels), times(kernels / run), time(row.kernels.total), times(row.kernels.overRun)]]
        : [];
    }),
  ]);
}
