/**
 * The smallest reconstruction that exercises all four kernels, support and feedback: a backend that gets it wrong on
 * this machine (a driver, an emulation, a compiler) is not used. Real tests are in test/.
 */
import type { Backend } from './backend.js';
import { BackendUnavailableError } from './errors.js';
import { prepare } from './problem.js';
import { openSession } from './session.js';

const SHAPE = [4, 6] as const;
const MAGNITUDES = Float32Array.from({ length: 24 }, (_, i) => 1 + ((7 * i) % 5));
const PHASES = Float32Array.from({ length: 24 }, (_, i) => i);
const SUPPORT = Uint8Array.from({ length: 24 }, (_, i) => (i % 4 === 3 ? 0 : 1));

/** Two iterations of `hio` with β = 0.9, made with NumPy in double precision on the full spectrum. */
const EXPECTED = [
  0.092979827, 0.116218513, 0.034894533, 0.15137119, 0.203176768, 2.944528786, 0.373889126, -0.09172189, 0.079788266,
  0.224704851, 0.102626533, 0.182126022, 0.010559133, 0.19589732, 0.635942197, 0.143168077, 0.014803543, 0.048148756,
  0.1153496, 0.230626096, 0.092525096, 0.019927431, 0.416421634, 0.118560335,
];

/** Rounding in single precision stays below a hundredth of this. */
const TOLERANCE = 1e-4;

/** Rejects with a `BackendUnavailableError` when a device of the backend computes something else. */
export async function selfTest(backend: Backend, device = 0): Promise<void> {
  const [precision] = backend.precisions;
  const setup = prepare(
    { magnitudes: MAGNITUDES, shape: SHAPE, support: SUPPORT },
    {
      ...{ algorithm: 'hio', beta: 0.9, seed: 0, starts: 1 },
      ...{ backend: backend.name, device, precision, history: false },
    },
    { phase: PHASES },
  );
  const session = await openSession(backend, device, setup);
  try {
    await session.run(2);
    const object = await session.readObject();
    const error = Math.hypot(...EXPECTED.map((value, i) => value - object[i]));
    if (error <= TOLERANCE) return;
    const message = `its self-test gave a wrong image (off by ${error.toExponential(1)}, allowed are ${TOLERANCE})`;
    throw new BackendUnavailableError(message, backend.name);
  } finally {
    session.dispose();
  }
}
