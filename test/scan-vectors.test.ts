/**
 * Ptychography against test/vectors/ptychography, the outputs of a plain NumPy program in double precision. `amplification`
 * is what that program makes of errors in its input; it bounds what rounding can do.
 */
import { expect, it } from 'vitest';
import { selectDevice } from '../src/backends/registry.js';
import { checkScanSessionOptions, prepareScan } from '../src/problems/scan.js';
import type { ScanAlgorithm } from '../src/scan-types.js';
import { scanOrder } from '../src/session/scan-order.js';
import type { Shape } from '../src/types.js';
import { onEveryBackend, type Subject } from './support/backends.js';
import { relativeError } from './support/images.js';
import { readVector } from './support/vectors.js';

interface Array_ {
  file: string;
  shape: number[];
}
interface Run {
  name: string;
  function: 'pie' | 'projections' | 'lsqml';
  options: { algorithm?: ScanAlgorithm; alpha: number; beta?: number; batch?: number; update_probe?: boolean };
  order: { shuffled: number } | string;
  residuals: number[];
  after: Record<string, { object: Array_; probe: Array_ }>;
  amplification: Record<string, { object: number; probe: number }>;
}
interface Case {
  name: string;
  modes: number;
  shape: Shape;
  inputs: Record<'patterns' | 'positions' | 'object' | 'probe', Array_> & { mask?: Array_ };
  runs: Run[];
  moves?: Array_ & { of: string; after: number };
}

const index = JSON.parse(new TextDecoder().decode(await readVector('ptychography/index.json'))) as {
  cases: Case[];
  orders: { known: { count: number; seed: number; iteration: number; order: number[] }[] };
};

/** The numbers of a .npy file of float64, complex128 (interleaved) or bool. */
async function load({ file }: Array_): Promise<Float64Array> {
  const bytes = await readVector(`ptychography/${file}`);
  const begin = 10 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true);
  const data = Uint8Array.from(bytes.subarray(begin));
  const isBool = new TextDecoder().decode(bytes.subarray(0, begin)).includes("'|b1'");
  return isBool ? Float64Array.from(data) : new Float64Array(data.buffer);
}

async function open({ inputs, shape, modes }: Case, run: Run, subject: Pick<Subject, 'backend' | 'precision'>) {
  const { precision } = subject;
  const [patterns, positions, probe, object] = await Promise.all(
    [inputs.patterns, inputs.positions, inputs.probe, inputs.object].map(load),
  );
  const mask = inputs.mask && Uint8Array.from(await load(inputs.mask));
  const algorithm =
    run.options.algorithm ?? ({ pie: 'rpie', lsqml: 'lsqml', projections: 'dm' } as const)[run.function];
  const { alpha, beta, batch } = run.options;
  const scan = {
    ...{ patterns, shape, positions, probe, mask },
    object: { data: object, shape: inputs.object.shape as unknown as Shape },
  };
  const setup = prepareScan(scan, checkScanSessionOptions({ algorithm, alpha, beta, batch, modes, precision }));
  const { backend } = await selectDevice({ ...subject, device: undefined });
  const session = await backend.createScanSession(setup, 0);
  session.writeObject(object);
  session.writeProbe(probe);
  return { session, setup, rule: { ...setup.rule, updatesProbe: run.options.update_probe ?? true } };
}

const orderOf = ({ order }: Run, count: number, iteration: number) =>
  typeof order === 'string'
    ? Uint32Array.from({ length: count }, (_, j) => j)
    : scanOrder(count, order.shuffled, iteration);

onEveryBackend('scans', ({ backend, precision }) => {
  const runs = index.cases.flatMap((of) => of.runs.map((run) => ({ of, run, title: `${of.name} ${run.name}` })));
  it.each(runs)('$title', async ({ of, run }) => {
    const { session, setup, rule } = await open(of, run, { backend, precision });
    const count = setup.positions.length / 2;
    for (let t = 0; t < 5; t++) {
      session.iterate(orderOf(run, count, t), 0, count, rule);
      const wanted = run.after[t + 1];
      if (!wanted) continue;
      for (const [what, numbers] of [
        ['object', await session.readObject()],
        ['probe', await session.readProbe()],
      ] as const) {
        const amplification = run.amplification[t + 1][what];
        // Single precision is compared while it is not chaotic.
        if (precision === 'single' && (t + 1 > 2 || amplification > 1e3)) continue;
        const tolerance =
          precision === 'double' ? 1e-9 * Math.max(1, amplification / 1e4) : 2e-6 * Math.max(10, amplification);
        expect(relativeError(numbers, await load(wanted[what])), `${what} after ${t + 1}`).toBeLessThan(tolerance);
      }
    }
    const residuals = await session.takeResiduals();
    residuals.forEach((residual, t) => {
      const tolerance = precision === 'double' ? 1e-10 : 1e-4;
      if (precision === 'single' && t > 1) return;
      expect(Math.abs(residual - run.residuals[t])).toBeLessThan(tolerance);
    });
    expect(residuals).toHaveLength(5);
    session.dispose();
  });
});

it('corrects positions as the reference does', async () => {
  for (const of of index.cases.filter(({ moves }) => moves)) {
    const run = of.runs.find(({ name }) => name === of.moves!.of)!;
    const { session, setup, rule } = await open(of, run, { backend: 'wasm', precision: 'double' });
    const { positions, objectShape, shape } = setup;
    const count = positions.length / 2;
    for (let t = 0; t < of.moves!.after; t++) session.iterate(orderOf(run, count, t), 0, count, rule);
    session.correctPositions(0.5);
    const moves = await load(of.moves!);
    const mean = [0, 1].map((axis) => moves.reduce((sum, move, i) => sum + (i % 2 === axis ? move / count : 0), 0));
    const clip = (number: number, low: number, high: number) => Math.min(high, Math.max(low, number));
    const wanted = positions.map((number, i) => {
      const moved = number + clip(moves[i] - mean[i % 2], -0.5, 0.5);
      return clip(moved, 0, objectShape[i % 2] - shape[i % 2]);
    });
    expect(wanted).not.toEqual(positions);
    expect(relativeError(await session.readPositions(), wanted)).toBeLessThan(1e-9);
    session.dispose();
  }
});

it('orders positions as the reference does', () => {
  for (const { count, seed, iteration, order } of index.orders.known) {
    expect([...scanOrder(count, seed, iteration)]).toEqual(order);
  }
});
