/** What the figures say. Every sentence is chosen and filled in by the data; none is written where there are none. */
import { digits, image, percent, size, time, times } from './format.mjs';
import { joinedRatio, movedRatio } from './owners.mjs';
import { at, nameOf } from './results.mjs';

/** What stepping may cost beyond running, at images of so many pixels and more, and on cuda at small ones. */
export const BARS = { step: 1.05, from: 1024, smallStep: 1.25, small: 256, kernels: 2.2, kernelsAt: 2048 };

/** @param {{ backends: any[], page: any, cupy: any }} results */
export function findings(results) {
  return [stepping(results), kernels(results), waiting(results), naive(results), dropping(results)]
    .filter(Boolean)
    .join('\n\n');
}

/** @param {any[]} rows @param {string} granularity */
function worst(rows, granularity) {
  return rows.reduce((most, row) => (row[granularity].overRun > most[granularity].overRun ? row : most));
}

/** @param {{ backends: any[] }} results */
function stepping({ backends }) {
  const measured = backends.filter(({ granularity, device }) => granularity && !device.software);
  const large = measured.flatMap((backend) => {
    const rows = backend.granularity.filter((/** @type {any} */ { n }) => n >= BARS.from);
    return rows.length > 0 ? [{ name: backend.name, row: worst(rows, 'step') }] : [];
  });
  if (large.length === 0) return '';
  const free = large.every(({ row }) => row.step.overRun <= BARS.step);
  const each = large
    .map(({ name, row }) => `${row.step.overRun < 1.0005 ? 'no time at all' : percent(row.step.overRun)} on ${name}`)
    .join(', ');
  const small = at(measured.find(({ name }) => name === 'cuda')?.granularity, BARS.small);
  const head = free
    ? '**A call for each iteration costs what one call for all of them does.**'
    : '**A call for each iteration costs a little more than one call for all of them, if anything.**';
  return `${head} From ${image(BARS.from)} on, \`step()\` takes longer than \`run()\` by at most ${each}.${
    small
      ? ` At ${image(BARS.small)} on cuda the difference is ${percent(small.step.overRun)}: ${small.step.overRun <= BARS.smallStep ? 'steps gather until there are enough for one launch of a graph' : 'there the calls are what one pays for'}.`
      : ''
  }`;
}

/** @param {{ backends: any[], cupy: any }} results */
function kernels({ backends, cupy }) {
  const measured = backends.filter(({ granularity, device }) => granularity && !device.software);
  if (measured.length === 0) return '';
  const each = measured.map(({ name, granularity, models }) => {
    const row = at(granularity, BARS.kernelsAt) ?? granularity.at(-1);
    const model = models.find((/** @type {any} */ one) => one.granularity === 'kernels');
    return `on ${name} ${times(row.kernels.overRun)} as long as \`run()\` at ${image(row.n)} (fitted: ${times(model.work)} the work, and ${time(model.price)} for each of the four calls)`;
  });
  const cuda = measured.find(({ name }) => name === 'cuda');
  const small = cuda && at(cuda.granularity, BARS.small);
  const python = small && at(cupy?.cupy.rows, BARS.small);
  return `**A call for each kernel pays for memory, not for calls, once images are large.** An iteration by single kernels takes ${each.join('; ')}. Four kernels move ${times(movedRatio)} the bytes of two fused passes; on cuda, where those in the columns become one pass if nothing is read in between, ${times(joinedRatio)}.${
    python
      ? ` At ${image(BARS.small)} four kernels of ours take ${time(small.kernels.total)}, CuPy’s direct port ${time(python.port.total)} and a careful user’s CuPy ${time(python.tuned.total)} on the same GPU; CuPy spends ${time(python.port.submit)} and ${time(python.tuned.submit)} of that submitting.`
      : ''
  }`;
}

/** @param {{ backends: any[], runs?: any[] }} results */
function waiting({ backends }) {
  const pairs = /** @type {const} */ ([
    ['cuda', 'launching an empty kernel, one native call each', 'await session.run(1) of 16 × 16'],
    ['webgpu', 'encoding and submitting a dispatch among 256', 'one dispatch, submitted and waited for'],
  ]);
  const each = pairs.flatMap(([name, submitting, waited]) => {
    const backend = backends.find((one) => one.name === name && !one.device.software);
    const of = (/** @type {string} */ what) =>
      backend?.calls?.find((/** @type {any} */ call) => call.what === what)?.us;
    const [a, b] = [of(submitting), of(waited)];
    // Only where it is so, there is something to say.
    return a && b && b > 3 * a
      ? [`${time(b)} on ${nameOf(backend)}, ${times(b / a)} what submitting one kernel among others costs (${time(a)})`]
      : [];
  });
  if (each.length === 0) return '';
  return `**Waiting is what costs, not calling.** Awaiting the least that can be awaited takes ${each.join('; ')}. So nothing is waited for inside \`run()\` but one batch of iterations behind the device, and results come back only when they are asked for.`;
}

/** @param {{ backends: any[] }} results */
function naive({ backends }) {
  const each = backends
    .filter(({ device }) => !device.software)
    .flatMap((backend) => {
      const row = backend.naive && (at(backend.naive, 1024) ?? backend.naive.at(-1));
      return row ? [`${times(row.naive / row.run)} as long at ${image(row.n)} on ${nameOf(backend)}`] : [];
    });
  if (each.length === 0) return '';
  const slower = backends.every(
    ({ naive: rows, device }) =>
      device.software || !rows || rows.every((/** @type {any} */ row) => row.naive > row.run),
  );
  const clean = backends.every(({ copies }) => !copies || inLoop(copies) === 0);
  return `**Iterations ${clean ? 'copy nothing' : 'copy'} between host and device${slower ? '; a binding that brings the object back each time would pay for it' : ''}.** With \`readObject\` and \`writeObject\` in every iteration, and one’s own constraint in JavaScript between them, an iteration takes ${each.join(', ')}.`;
}

/** Copies in whatever granularity of loop. @param {any} copies */
export function inLoop({ rows }) {
  const loops = rows.filter((/** @type {any} */ row) => row.iterations);
  const count = (/** @type {any} */ of) => (of ? of.uploads + of.downloads : 0);
  return loops.reduce((/** @type {number} */ sum, /** @type {any} */ row) => sum + count(row.own) + count(row.seen), 0);
}

/** @param {{ backends: any[] }} results */
function dropping({ backends }) {
  const measured = backends.filter(({ abandoned }) => abandoned);
  if (measured.length === 0) return '';
  const gone = (/** @type {any} */ { leftBytes, sessionBytes }) => leftBytes <= sessionBytes;
  // Of what it was given back, a driver may keep a little.
  const collected = (/** @type {any} */ a) => a.collected === a.made && a.leftBytes <= a.mostHeldBytes / 10;
  const each = measured.map(({ name, abandoned: a }) => {
    const held = `${name} held up to ${size(a.mostHeldBytes)} (as much as ${digits(a.mostHeldBytes / a.sessionBytes)} of ${a.made} sessions of ${image(a.n)} have)`;
    const all = !gone(a) && collected(a) ? ', by when all had been collected' : '';
    return `${held}, and ${gone(a) ? 'no more than one' : size(a.leftBytes)} once the collector had been asked${all}`;
  });
  const head = measured.every(({ abandoned }) => gone(abandoned) || collected(abandoned))
    ? '**Without `dispose()` memory comes back, but late.**'
    : '**Without `dispose()` not all memory comes back.**';
  return `${head} Of sessions that were dropped one after another, ${each.join('; ')}.`;
}
