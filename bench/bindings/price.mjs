/** The price of one call, in Node and in pages: medians of several turns, in microseconds. */

/** @typedef {{ layer: string, what: string, us: number, low: number, high: number, calls: number, deviceUs?: number }} Price */
/** @typedef {{ turn: number, turns: number }} Effort milliseconds of a turn, and turns */

/**
 * `work` makes so many calls, and may wait for them. `most`: calls of a turn, where a queue might fill; `after`: waits
 * between turns, which is not counted.
 * @param {string} layer
 * @param {string} what
 * @param {(calls: number) => unknown} work
 * @param {Effort} effort
 * @param {{ most?: number, after?: () => unknown }} [options]
 * @returns {Promise<Price>}
 */
export async function price(layer, what, work, { turn, turns }, { most = Infinity, after = () => undefined } = {}) {
  const time = async (/** @type {number} */ calls) => {
    const began = performance.now();
    const waiting = work(calls);
    // What does not wait is not made to.
    if (waiting instanceof Promise) await waiting;
    const milliseconds = performance.now() - began;
    await after();
    return milliseconds;
  };
  let calls = 1;
  while (calls < most && (await time(calls)) < turn / 2) calls *= 2;
  calls = Math.min(calls, most);
  // Where turns are short because a queue must not fill, there are more of them.
  const rounds = most === Infinity ? turns : 10 * turns;
  const times = [];
  for (let i = 0; i < rounds; i++) times.push((1000 * (await time(calls))) / calls);
  times.sort((a, b) => a - b);
  const [low, us, high] = [0.25, 0.5, 0.75].map((share) => times[Math.floor(share * rounds)]);
  return { layer, what, us, low, high, calls };
}

/** Calls `call` so often, and waits where it gives a promise. */
export const waiting = (/** @type {() => unknown} */ call) => async (/** @type {number} */ calls) => {
  for (let i = 0; i < calls; i++) await call();
};

/** Calls `call` so often. */
export const repeated = (/** @type {(i: number) => unknown} */ call) => (/** @type {number} */ calls) => {
  for (let i = 0; i < calls; i++) call(i);
};
