/**
 * How many iterations a run does between two turns of the event loop. A clock that only the iterations move takes the
 * place of the machine's, so that no wall-clock time is asserted.
 */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { wasmBackend } from '../backends/wasm/backend.js';
import type { Backend } from '../src/backends/interface.js';
import { checkSessionOptions } from '../src/problems/options.js';
import { prepare } from '../src/problems/image.js';
import { openSession, type Session } from '../src/session/session.js';

const settings = checkSessionOptions({ backend: 'wasm' });
const setup = prepare({ magnitudes: Float32Array.of(3, 1, 2, 1), shape: [2, 2] }, settings, undefined);

interface Turn {
  iterations: number;
  milliseconds: number;
}

afterEach(() => vi.restoreAllMocks());

/** What each turn of the event loop was kept from, where iteration i takes `cost(i)` milliseconds. */
async function turnsOf(use: (session: Session) => Promise<void>, cost: (i: number) => number): Promise<Turn[]> {
  let now = 0;
  let total = 0;
  let turn: Turn = { iterations: 0, milliseconds: 0 };
  const turns: Turn[] = [];
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const immediate = setImmediate;
  vi.spyOn(globalThis, 'setImmediate').mockImplementation((callback: () => void) => {
    turns.push(turn);
    turn = { iterations: 0, milliseconds: 0 };
    return immediate(callback);
  });
  const pass = (count: number) => {
    for (let i = 0; i < count; i++) turn.milliseconds += cost(total++);
    turn.iterations += count;
    now += turn.milliseconds;
  };
  const backend: Backend = {
    ...wasmBackend,
    createSession: async (problem, device) => {
      const session = await wasmBackend.createSession(problem, device);
      const [iterate, constrainFourier] = [session.iterate.bind(session), session.constrainFourier.bind(session)];
      session.iterate = (count, rule) => {
        iterate(count, rule);
        pass(count);
      };
      session.constrainFourier = (rule) => {
        constrainFourier(rule);
        pass(1);
      };
      return session;
    },
  };
  using session = await openSession(backend, 0, setup);
  await use(session);
  return turns;
}

describe('a run', () => {
  it.each([0.001, 0.04, 0.7, 3, 9, 10.1, 19, 25, 49, 400])(
    'yields every 20 ms or iteration, whichever is longer, where one takes %d ms',
    async (cost) => {
      const count = Math.ceil(Math.min(3000, 2000 / cost));
      const turns = await turnsOf(
        (session) => session.run(count),
        () => cost,
      );
      for (const turn of turns) expect(turn.milliseconds).toBeLessThanOrEqual(Math.max(20, cost) + 1e-6);
      expect(turns.reduce((sum, turn) => sum + turn.iterations, 0)).toBe(count);
      // A batch says little about one that is much larger.
      for (const [at, { iterations }] of turns.slice(1).entries()) {
        expect(iterations).toBeLessThanOrEqual(2 * turns[at].iterations);
      }
      // And no more often than half as long, once it knows how long they take; 512 iterations are a batch at most.
      const [{ iterations }] = turns.slice(-2);
      if (cost >= 0.04 && cost < 20) expect(iterations * cost).toBeGreaterThan(10);
    },
  );

  it('stays within 50 ms where iterations take 2.5 times as long all at once', async () => {
    const turns = await turnsOf(
      (session) => session.run(2000),
      (i) => (i % 400 < 200 ? 0.4 : 1),
    );
    expect(Math.max(...turns.map((turn) => turn.milliseconds))).toBeLessThanOrEqual(50);
    expect(Math.max(...turns.map((turn) => turn.iterations))).toBeGreaterThan(20);
  });

  it('yields after an iteration that was under way before it', async () => {
    const turns = await turnsOf(
      async (session) => {
        session.inverse();
        await session.run(3);
      },
      () => 30,
    );
    expect(turns.map((turn) => turn.iterations)).toEqual([1, 1, 1]);
  });
});
