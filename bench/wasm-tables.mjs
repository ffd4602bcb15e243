/** The results of `npm run bench` as Markdown, for people. */
import { table } from './markdown.mjs';

/** @param {(string | number)[]} header @param {(string | number)[][]} rows */
const grid = (header, rows) => table([header, ...rows]);

/** @param {any} results what run.mjs writes as JSON */
export function markdown(results) {
  const { machine, skipped, targets, iterations, transforms, memory, eventLoop } = results;
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const parts = [
    '# Benchmark results',
    `${machine.date.slice(0, 10)}, rephase ${machine.rephase} (${machine.commit}), ${machine.cpu}, ${machine.cores} cores, ` +
      `${machine.memoryGiB} GiB, ${machine.system}; ${versions.join(', ')}. Load before: ${machine.loadBefore}.`,
    ...skipped.map((/** @type {string} */ reason) => `Left out: ${reason}.`),
  ];
  if (targets.length > 0) {
    parts.push(
      '## Targets',
      grid(
        ['what', 'target', 'measured', ''],
        targets.map((/** @type {import('./targets.mjs').Target} */ row) => [
          row.what,
          row.target,
          number(row.measured),
          row.met ? 'met' : '**missed**',
        ]),
      ),
    );
  }
  if (iterations) {
    parts.push(
      '## One `gs` iteration, milliseconds',
      'Median of several rounds taken in turns, and quartiles. The last two columns: how many times as long as rephase.',
      grid(
        ['n × n', 'program', 'median', 'quartiles', 'rounds', '÷ rephase f32', '÷ rephase f64'],
        iterations.map((/** @type {any} */ row) => [
          row.n,
          row.name,
          number(row.median),
          `${number(row.low)} – ${number(row.high)}`,
          row.rounds,
          number(row.singleIsFasterBy),
          number(row.doubleIsFasterBy),
        ]),
      ),
    );
  }
  if (transforms) {
    parts.push(
      '## One complex transform in single precision, microseconds',
      grid(
        ['length', 'lines a call', 'rephase', 'quartiles', 'pffft SIMD', 'quartiles', 'pffft ÷ rephase'],
        transforms.map((/** @type {any} */ row) => [
          row.length,
          row.lines,
          ...[row.rephase, row.pffft].flatMap((t) => [number(t.median), `${number(t.low)} – ${number(t.high)}`]),
          number(row.fasterBy),
        ]),
      ),
    );
  }
  if (memory) {
    parts.push(
      '## WebAssembly memory of a session in single precision',
      grid(
        ['algorithm', 'bytes a pixel', 'beyond that, KiB', 'in all, MiB', 'at n × n'],
        memory.sessions.map((/** @type {any} */ row) => [
          row.algorithm,
          number(row.bytesPerPixel),
          number(row.fixedBytes / 1024),
          number(row.bytes / 2 ** 20),
          row.n,
        ]),
      ),
      `The module has ${memory.moduleBytes} bytes.`,
    );
  }
  if (eventLoop) {
    const { n, iterations: count, seconds, runSeconds } = eventLoop;
    const figures = (/** @type {any} */ delays) => ['median', 'p99', 'max'].map((key) => number(delays[key]));
    parts.push(
      '## Delay of the event loop, milliseconds',
      grid(
        ['', 'median', '99 %', 'most'],
        [
          ['nothing happens', ...figures(eventLoop.idle)],
          [`retrieve, ${n} × ${n}, ${count} iterations, ${number(seconds)} s`, ...figures(eventLoop.during)],
          [`session.run, ${n} × ${n}, ${count} iterations, ${number(runSeconds)} s`, ...figures(eventLoop.running)],
        ],
      ),
    );
  }
  return `${parts.join('\n\n')}\n`;
}

/** @param {number} value */
function number(value) {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
