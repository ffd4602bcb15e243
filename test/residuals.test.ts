/** The log of residuals: asks in time for what a backend recorded, and counts only what it did record. */
import { describe, expect, it } from 'vitest';
import type { BackendSession } from '../src/backends/interface.js';
import { IterationState } from '../src/session/iteration-state.js';
import { PROJECTION } from '../src/rules.js';
import { checkSessionOptions } from '../src/problems/options.js';
import { prepare } from '../src/problems/image.js';
import { ResidualLog, indexOfLeast } from '../src/session/residuals.js';

const problem = { magnitudes: Float32Array.of(1, 1, 1, 1), shape: [2, 2] as const };

/** Records 1, 2, 3, … as sums, keeps the newest 1024, and fails to complete so many times. */
function recorder(failures = 0) {
  const backend = { recorded: 0, taken: 0, takes: 0, pending: false };
  const session = {
    iterate: (count: number) => {
      backend.recorded += backend.pending ? count : count - 1;
      backend.pending = true;
    },
    completeIteration: () => {
      if (failures-- > 0) throw new Error('no memory');
      backend.recorded += 1;
      backend.pending = false;
    },
    takeResiduals: () => {
      backend.takes += 1;
      const count = Math.min(backend.recorded - backend.taken, 1024);
      backend.taken = backend.recorded;
      return Promise.resolve(Float64Array.from({ length: count }, (_, i) => backend.taken - count + i + 1));
    },
  } as Partial<BackendSession> as BackendSession;
  const setup = prepare(problem, checkSessionOptions({}), undefined);
  const log = new ResidualLog(session, setup, true);
  return {
    backend,
    log,
    state: new IterationState(session, log, 1, { rule: setup.rule, feasible: PROJECTION }, false),
  };
}

describe('the log of residuals', () => {
  it('misses none, however many are recorded before anyone asks', async () => {
    const { backend, log, state } = recorder();
    for (const count of [1, 500, 512, 11, 512, 512, 3]) state.iterate(count);
    for (let i = 0; i < 1500; i++) {
      state.complete();
      state.iterate(1);
    }
    state.complete();
    await log.take();
    expect(backend.takes).toBeGreaterThan(2);
    const sums = log.history(0).map((residual) => Math.round(residual ** 2 * 4));
    expect(sums).toEqual(Float64Array.from({ length: 3551 }, (_, i) => i + 1));
  });

  it('expects nothing of a call that failed', async () => {
    const { backend, log, state } = recorder(1);
    state.iterate(1);
    expect(() => state.complete()).toThrow('no memory');
    await log.take();
    expect(backend.takes).toBe(0);
    state.complete();
    await log.take();
    // Nothing was recorded since, so that nothing is read again.
    await log.take();
    expect(backend.takes).toBe(1);
    expect(log.history(0)).toHaveLength(1);
  });
});

it('the least of residuals is none that is NaN, or the first of many', () => {
  expect(indexOfLeast([NaN, 3, 1, NaN, 2, 1])).toBe(2);
  expect(indexOfLeast([3, 1, 2])).toBe(1);
  expect(indexOfLeast([NaN, NaN])).toBe(0);
});
