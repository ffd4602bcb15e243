/**
 * The one measuring loop. Competitors take turns, so that a disturbance of the machine affects all of them. A turn is one
 * batch of iterations, long compared with the clock's resolution. The first batches warm up and do not count.
 */

/**
 * @typedef {object} Competitor
 * @property {string} name
 * @property {(iterations: number) => number | Promise<number>} run does so many iterations, and returns their milliseconds
 * @property {number} [most] iterations of a batch, if a queue must not fill. There are then ten times as many batches.
 *
 * @typedef {{ batchMs: number, rounds: number, mostMs?: number }} Effort
 *   Length of a batch, number of rounds, and the time after which a competitor gets no more than three batches.
 * @typedef {{ name: string, median: number, low: number, high: number, rounds: number, iterations: number }} Timing
 *   Milliseconds an iteration: median and quartiles over the rounds.
 * @typedef {{ layer: string, what: string, us: number, low: number, high: number, calls: number }} CallCost
 */

/**
 * @param {Competitor[]} competitors
 * @param {Effort} effort
 * @returns {Promise<Timing[]>}
 */
export async function takeTurns(competitors, { batchMs, rounds, mostMs = Infinity }) {
  const entrants = [];
  for (const { name, run, most = Infinity } of competitors) {
    // Doubled until it fills half a batch: compilers have then seen enough of it.
    let warmUp = 1;
    let ms = await run(warmUp);
    while (ms < batchMs / 2 && warmUp < most) ms = await run((warmUp *= 2));
    const each = ms / warmUp;
    const iterations = Math.max(1, Math.min(most, Math.round(batchMs / each)));
    const wanted = most === Infinity ? rounds : 10 * rounds;
    const batches = Math.max(Math.min(3, wanted), Math.min(wanted, Math.floor(mostMs / (each * iterations))));
    entrants.push({ name, run, iterations, batches, /** @type {number[]} */ times: [] });
  }
  for (let round = 0; round < Math.max(...entrants.map(({ batches }) => batches)); round++) {
    for (const { run, iterations, batches, times } of entrants) {
      if (round < batches) times.push((await run(iterations)) / iterations);
    }
  }
  return entrants.map(({ name, times, iterations }) => {
    const [low, median, high] = quartiles(times);
    return { name, median, low, high, rounds: times.length, iterations };
  });
}

/**
 * The `run` of a competitor: milliseconds of so many calls.
 * @param {(calls: number) => unknown} work makes so many calls, and may wait for them
 * @param {() => unknown} [after] waits between batches, which is not counted
 */
export const timed = (work, after) => async (/** @type {number} */ calls) => {
  const began = performance.now();
  const waiting = work(calls);
  // Awaiting a value that is no promise would cost a round of the event loop.
  if (waiting instanceof Promise) await waiting;
  const milliseconds = performance.now() - began;
  await after?.();
  return milliseconds;
};

/**
 * Microseconds of one call.
 * @param {string} layer
 * @param {string} what
 * @param {(calls: number) => unknown} work
 * @param {Effort} effort
 * @param {{ most?: number, after?: () => unknown }} [options] see `Competitor` and `timed`
 * @returns {Promise<CallCost>}
 */
export async function callCost(layer, what, work, effort, { most, after } = {}) {
  const [timing] = await takeTurns([{ name: what, run: timed(work, after), ...(most && { most }) }], effort);
  const { median: us, low, high } = microseconds(timing);
  return { layer, what, us, low, high, calls: timing.iterations };
}

/** A timing in microseconds, of one of `of` things that an iteration does. @param {Timing} timing @param {number} [of] */
export function microseconds({ median, low, high }, of = 1) {
  const [us, least, most] = [median, low, high].map((ms) => (1000 * ms) / of);
  return { median: us, low: least, high: most };
}

/**
 * Lets a session run for a while before it is timed: the clocks of a GPU fall while it is idle, and take a while to rise.
 * @param {{ run: (count: number) => Promise<unknown> }} session
 * @param {number} ms
 */
export async function warmUp(session, ms) {
  const began = performance.now();
  for (let count = 1; performance.now() - began < ms; count *= 2) await session.run(count);
}

/** Calls `call` so many times, and waits for each. */
export const waiting = (/** @type {() => unknown} */ call) => async (/** @type {number} */ calls) => {
  for (let i = 0; i < calls; i++) await call();
};

/** Calls `call` so many times. */
export const repeated = (/** @type {(i: number) => unknown} */ call) => (/** @type {number} */ calls) => {
  for (let i = 0; i < calls; i++) call(i);
};

/** Lower quartile, median and upper quartile. @param {number[]} values */
function quartiles(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.25, 0.5, 0.75].map((share) => sorted[Math.floor(share * sorted.length)]);
}
