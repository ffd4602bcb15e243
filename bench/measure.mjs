/**
 * How times are taken. Competitors take turns, so that whatever disturbs the machine disturbs all of them; each turn is
 * a batch long enough for the clock; the first turn warms up and does not count.
 */

/**
 * @typedef {{ name: string, run: (iterations: number) => number | Promise<number> }} Competitor
 *   `run` does so many iterations and gives the milliseconds that they took.
 * @typedef {{ batchMs: number, rounds: number, mostMs: number }} Effort
 *   Length of a turn, number of rounds, and the time after which a competitor is given no more than three turns.
 * @typedef {{ name: string, median: number, low: number, high: number, rounds: number, iterations: number }} Timing
 *   Milliseconds per iteration: median and quartiles over the rounds of so many iterations each.
 */

/**
 * @param {Competitor[]} competitors
 * @param {Effort} effort
 * @returns {Promise<Timing[]>}
 */
export async function takeTurns(competitors, { batchMs, rounds, mostMs }) {
  const entrants = [];
  for (const competitor of competitors) {
    // Doubled until it is a turn: compilers have then seen enough of it.
    let warmUp = 1;
    let ms = await competitor.run(warmUp);
    while (ms < batchMs / 2) ms = await competitor.run((warmUp *= 2));
    const each = ms / warmUp;
    const iterations = Math.max(1, Math.round(batchMs / each));
    const turns = Math.max(Math.min(3, rounds), Math.min(rounds, Math.floor(mostMs / (each * iterations))));
    entrants.push({ ...competitor, iterations, turns, /** @type {number[]} */ times: [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const entrant of entrants) {
      if (round >= entrant.turns) continue;
      entrant.times.push((await entrant.run(entrant.iterations)) / entrant.iterations);
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
 * @param {number[]} values
 * @param {number} share
 */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const below = Math.floor(position);
  return sorted[below] + (position - below) * (sorted[Math.min(below + 1, sorted.length - 1)] - sorted[below]);
}
