/**
 * The one measuring loop. Competitors take turns, so that a disturbance of the machine affects all of them. Each turn is
 * long compared with the clock's resolution. The first turns warm up and do not count.
 */

/**
 * @typedef {object} Competitor
 * @property {string} name
 * @property {(iterations: number) => number | Promise<number>} run does so many iterations, and returns their milliseconds
 * @property {number} [most] iterations of a turn, if a queue must not fill. There are then ten times as many turns.
 *
 * @typedef {{ batchMs: number, rounds: number, mostMs?: number }} Effort
 *   Length of a turn, number of rounds, and the time after which a competitor gets no more than three turns.
 * @typedef {{ name: string, median: number, low: number, high: number, rounds: number, iterations: number }} Timing
 *   Milliseconds an iteration: median and quartiles over the rounds.
 * @typedef {{ layer: string, what: string, us: number, low: number, high: number, calls: number, deviceUs?: number }} CallCost
 */

/**
 * @param {Competitor[]} competitors
 * @param {Effort} effort
 * @returns {Promise<Timing[]>}
 */
export async function takeTurns(competitors, { batchMs, rounds, mostMs = Infinity }) {
  const entrants = [];
  for (const { name, run, most = Infinity } of competitors) {
    // Doubled until it fills half a turn: compilers have then seen enough of it.
    let warmUp = 1;
    let ms = await run(warmUp);
    while (ms < batchMs / 2 && warmUp < most) ms = await run((warmUp *= 2));
    const each = ms / warmUp;
    const iterations = Math.max(1, Math.min(most, Math.round(batchMs / each)));
    const wanted = most === Infinity ? rounds : 10 * rounds;
    const turns = Math.max(Math.min(3, wanted), Math.min(wanted, Math.floor(mostMs / (each * iterations))));
    entrants.push({ name, run, iterations, turns, /** @type {number[]} */ times: [] });
  }
  for (let round = 0; round < Math.max(...entrants.map(({ turns }) => turns)); round++) {
    for (const { run, iterations, turns, times } of entrants) {
      if (round < turns) times.push((await run(iterations)) / iterations);
    }
  }
  return entrants.map(({ name, times, iterations }) => ({
    name,
    median: quantile(times, 0.5),
    low: quantile(times, 0.25),
    high: quantile(times, 0.75),
    rounds: times.length,
    iterations,
  }));
}

/**
 * Microseconds of one call.
 * @param {string} layer
 * @param {string} what
 * @param {(calls: number) => unknown} work makes so many calls, and may wait for them
 * @param {Effort} effort
 * @param {{ most?: number, after?: () => unknown }} [options] `after` waits between turns, which is not counted
 * @returns {Promise<CallCost>}
 */
export async function callCost(layer, what, work, effort, { most, after } = {}) {
  const run = async (/** @type {number} */ calls) => {
    const began = performance.now();
    const waiting = work(calls);
    // Awaiting a value that is no promise would cost a turn of the event loop.
    if (waiting instanceof Promise) await waiting;
    const milliseconds = performance.now() - began;
    await after?.();
    return milliseconds;
  };
  const [timing] = await takeTurns([{ name: what, run, ...(most && { most }) }], effort);
  const [us, low, high] = [timing.median, timing.low, timing.high].map((ms) => 1000 * ms);
  return { layer, what, us, low, high, calls: timing.iterations };
}

/** Calls `call` so many times, and waits for each. */
export const waiting = (/** @type {() => unknown} */ call) => async (/** @type {number} */ calls) => {
  for (let i = 0; i < calls; i++) await call();
};

/** Calls `call` so many times. */
export const repeated = (/** @type {(i: number) => unknown} */ call) => (/** @type {number} */ calls) => {
  for (let i = 0; i < calls; i++) call(i);
};

/**
 * @param {number[]} values
 * @param {number} share
 */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  return sorted[below] + (position - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}
