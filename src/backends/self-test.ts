/**
 * Runs the smallest reconstruction that needs a seeded start, fused passes, single kernels, support, mask and feedback. A
 * driver, an emulation or a compiler can get it wrong on this machine; the device is then not used.
 */
import type { Backend } from './interface.js';
import { OutOfMemoryError, messageOf } from '../errors.js';
import { prepare } from '../problems/image.js';
import { checkSessionOptions } from '../problems/options.js';
import { openSession } from '../session/session.js';

const SHAPE = [4, 6] as const;
const MAGNITUDES = Float32Array.from({ length: 24 }, (_, i) => 1 + ((7 * i) % 5));
const SUPPORT = Uint8Array.from({ length: 24 }, (_, i) => (i % 4 === 3 ? 0 : 1));
/** Two frequencies are measured on one side only, and one on neither side. */
const MASK = Uint8Array.from({ length: 24 }, (_, i) => ([2, 8, 9, 22].includes(i) ? 0 : 1));

/** Object and residual after three iterations of `hio` with β = 0.9; NumPy made them in double precision on the full spectrum. */
const EXPECTED = [
  0.363217974, 0.392125004, 0.598582954, 0.24699141, 0.422641456, 0.453733528, 0.601362736, 0.592190828, 0.637027274,
  0.760758343, 0.444999788, 0.821871718, 0.176741811, 0.72253944, 0.241125071, 0.593559304, 1.368359926, 1.70784192,
  0.860171117, 0.285611557, 0.717975691, 0.554614416, 0.551085149, 0.263367408,
];
const EXPECTED_RESIDUAL = 1.13911818;

/** The rounding of single precision stays below a hundredth of this. */
const TOLERANCE = 1e-4;

/**
 * Returns why a device must not be used (it failed, or computed something else), or undefined where it passes. Rejects with
 * an `OutOfMemoryError` where there was no memory to try.
 */
export async function selfTest(backend: Backend, device: number): Promise<string | undefined> {
  try {
    const error = await errorOf(backend, device);
    if (error <= TOLERANCE) return undefined;
    return `its self-test gave a wrong image (off by ${error.toExponential(1)}, allowed are ${TOLERANCE})`;
  } catch (error) {
    if (error instanceof OutOfMemoryError) throw error;
    return messageOf(error);
  }
}

async function errorOf(backend: Backend, device: number): Promise<number> {
  const [precision] = backend.precisions;
  const problem = { magnitudes: MAGNITUDES, shape: SHAPE, support: SUPPORT, mask: MASK };
  const setup = prepare(problem, checkSessionOptions({ algorithm: 'hio', beta: 0.9, seed: 1, precision }), undefined);
  const session = await openSession(backend, device, setup);
  try {
    await session.run(2);
    session.inverse();
    session.constrainObject();
    session.forward();
    session.constrainFourier();
    const [object, residual] = [await session.readObject(), await session.residual()];
    return Math.hypot(...EXPECTED.map((value, i) => value - object[i]), EXPECTED_RESIDUAL - residual);
  } finally {
    session.dispose();
  }
}
