/**
 * The reference implementation's outputs (test/vectors/README.md), reached from its own starts. Long runs of feedback
 * rules are chaotic, so single precision is compared after 1 and 2 iterations, and for `gs`, which is not, after 10.
 */
import { expect, it } from 'vitest';
import { decodeNpy } from '../src/formats/npy.js';
import { createSession, type Algorithm, type RealArray, type Shape } from '../src/index.js';
import { onEveryBackend } from './support/backends.js';
import { relativeError } from './support/images.js';
import { readVector } from './support/vectors.js';

interface Entry {
  name: string;
  shape: Shape;
  results: string[];
}

const entries = JSON.parse(new TextDecoder().decode(await readVector('index.json'))) as Entry[];
const cases = entries.flatMap((entry) => entry.results.map((result) => ({ ...entry, result })));

onEveryBackend('the reference implementation', ({ backend, precision }) => {
  const tolerance = precision === 'double' ? 1e-9 : 1e-4;
  const wanted = cases.filter(({ result }) => precision === 'double' || comparableInSingle(parse(result)));

  it.each(wanted)('$result', async ({ name, shape, result }) => {
    const { algorithm, beta, withSupport, iterations } = parse(result);
    const magnitudes = await load(`${name}.magnitudes.npy`);
    const support = withSupport ? Uint8Array.from(await load(`${name}.support.npy`)) : undefined;
    const phase = (await load(`${name}.start.npy`)).map((u) => 2 * Math.PI * u);
    using session = await createSession(
      { magnitudes, shape, ...(support && { support }) },
      { backend, precision, algorithm, beta, start: { phase } },
    );
    await session.run(iterations);
    expect(relativeError(await session.readObject(), await load(result))).toBeLessThan(tolerance);
  });
});

it('has outputs of every rule to compare with', () => {
  expect(new Set(cases.map(({ result }) => parse(result).algorithm)).size).toBe(4);
});

/** `64x64.gs.after10.npy`, `64x64.hybrid.beta0.8.support.after2.npy` */
function parse(result: string) {
  const [, rule, beta, support, iterations] =
    /^\w+\.([a-z-]+)(?:\.beta([\d.]+)\.(\w+))?\.after(\d+)\.npy$/.exec(result) ?? [];
  return {
    algorithm: (rule === 'hybrid' ? 'hio' : rule) as Algorithm,
    beta: beta === undefined ? 1 : Number(beta),
    withSupport: support === 'support',
    iterations: Number(iterations),
  };
}

function comparableInSingle({ algorithm, iterations }: ReturnType<typeof parse>): boolean {
  return iterations <= 2 || (algorithm === 'gs' && iterations <= 10);
}

async function load(file: string): Promise<Float64Array> {
  const data: RealArray = decodeNpy(await readVector(file)).data;
  return Float64Array.from(data);
}
