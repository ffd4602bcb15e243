/** The log of residuals: asks in time for what a backend recorded, and counts only what it did record. */
import { describe, expect, it } from 'vitest';
import type { BackendSession } from '../src/backends/interface.js';
import { Cycle } from '../src/session/iteration-state.js';
import { checkSessionOptions } from '../src/problems/options.js';
import { prepare } from '../src/problems/image.js';
import { ResidualLog } from '../src/session/residuals.js';

const problem = { magnitudes: Float32Array.of(1, 1, 1, 1), shape: [2, 2] as const };

/** Records 1, 2, 3, … as sums, keeps the newest 1024, and fails to settle so many times. */
function recorder(failures = 0) {
  const state = { recorded: 0, taken: 0, takes: 0, unsettled: false };
  const session = {
    iterate: (count: number) => {
      state.recorded += state.unsettled ? count : count - 1;
      state.unsettled = true;
    },
    settle: () => {
      if (failures-- > 0) throw new Error('no memory');
      state.recorded += 1;
      state.unsettled = false;
    },
    takeResiduals: () => {
      state.takes += 1;
      const count = Math.min(state.recorded - state.taken, 1024);
      state.taken = state.recorded;
      return Promise.resolve(Float64Array.from({ length: count }, (_, i) => state.taken - count + i + 1));
    },
  } as Partial<BackendSession> as BackendSession;
  const log = new ResidualLog(session, prepare(problem, checkSessionOptions({ history: true }), undefined));
  return { state, log, cycle: new Cycle(session, log, 1, false) };
}

describe('the log of residuals', () => {
  it('misses none, however many are recorded before anyone asks', async () => {
    const { cycle, log, state } = recorder();
    for (const count of [1, 500, 512, 11, 512, 512, 3]) cycle.iterate(count);
    for (let i = 0; i < 1500; i++) {
      cycle.settle();
      cycle.iterate(1);
    }
    cycle.settle();
    await log.take();
    expect(state.takes).toBeGreaterThan(2);
    const sums = log.history(0).map((residual) => Math.round(residual ** 2 * 4));
    expect(sums).toEqual(Float64Array.from({ length: 3551 }, (_, i) => i + 1));
  });

  it('expects nothing of a call that failed', async () => {
    const { cycle, log, state } = recorder(1);
    cycle.iterate(1);
    expect(() => cycle.settle()).toThrow('no memory');
    await log.take();
    expect(state.takes).toBe(0);
    cycle.settle();
    await log.take();
    expect(state.takes).toBe(1);
    expect(log.history(0)).toHaveLength(1);
  });
});
