/** Complex objects against test/vectors/complex, which a plain NumPy program made in double precision. */
import { expect, it } from 'vitest';
import { createSession, type Algorithm, type Problem, type Shape } from '../src/index.js';
import { hasBeta } from '../src/problems/options.js';
import { onEveryBackend } from './support/backends.js';
import { relativeError } from './support/images.js';
import { readVector } from './support/vectors.js';

interface Run {
  function: 'hio' | 'raar' | 'gerchberg_saxton' | 'pure_phase';
  algorithm: Algorithm;
  pattern: string;
  iterations: number;
  file: string;
}

const index = JSON.parse(new TextDecoder().decode(await readVector('complex/index.json'))) as {
  shape: Shape;
  beta: number;
  runs: Run[];
};

async function bytesOf(file: string): Promise<Uint8Array> {
  const bytes = await readVector(`complex/${file}`);
  return Uint8Array.from(bytes.subarray(10 + new DataView(bytes.buffer, bytes.byteOffset).getUint16(8, true)));
}
const load = async (file: string) => new Float64Array((await bytesOf(file)).buffer);

onEveryBackend('complex objects', ({ backend, precision }) => {
  // 1e-4 is rounding of single precision, which feedback amplifies.
  const limit = precision === 'double' ? 1e-9 : 1e-4;

  it.each(index.runs)('are what NumPy makes of them: $function after $iterations iterations', async (run) => {
    const support = await bytesOf('support.npy');
    const known: Record<Run['function'], Partial<Problem>> = {
      hio: { support },
      raar: { support },
      gerchberg_saxton: { objectMagnitudes: await load('sizes.npy') },
      pure_phase: { support, amplitudeBounds: [1, 1] },
    };
    const magnitudes = await load(`${run.pattern}.magnitudes.npy`);
    using session = await createSession(
      { magnitudes, shape: index.shape, object: 'complex', ...known[run.function] },
      {
        ...{ backend, precision, algorithm: run.algorithm, beta: hasBeta(run.algorithm) ? index.beta : 1 },
        start: { phase: await load('start.npy') },
      },
    );
    await session.run(run.iterations);
    expect(relativeError(await session.readObject(), await load(run.file))).toBeLessThan(limit);
  });
});
