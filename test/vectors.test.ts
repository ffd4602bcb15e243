/**
 * The reference implementation's outputs (test/vectors/README.md), reached from its own starts. Long runs of feedback
 * rules are chaotic, so single precision is compared after 1 and 2 iterations, and for `gs`, which is not, after 10.
 */
import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { decodeNpy } from '../src/formats/npy.js';
import { createSession, type Algorithm, type RealArray, type Shape } from '../src/index.js';
import { onEveryBackend } from './support/backends.js';
import { relativeError } from './support/images.js';

const folder = ['../../shared/vectors/', './vectors/']
  .map((path) => new URL(path, import.meta.url))
  .find((url) => existsSync(new URL('index.json', url)))!;

interface Entry {
  name: string;
  shape: Shape;
  results: string[];
}

const entries = JSON.parse(readFileSync(new URL('index.json', folder), 'utf8')) as Entry[];
const cases = entries.flatMap((entry) => entry.results.map((result) => ({ ...entry, result })));

onEveryBackend('the reference implementation', ({ backend, precision }) => {
  const tolerance = precision === 'double' ? 1e-9 : 1e-4;
  const wanted = cases.filter(({ result }) => precision === 'double' || comparableInSingle(parse(result)));

  it.each(wanted)('$result', async ({ name, shape, result }) => {
    const { algorithm, beta, withSupport, iterations } = parse(result);
    const magnitudes = load(`${name}.magnitudes.npy`);
    const support = withSupport ? Uint8Array.from(load(`${name}.support.npy`)) : undefined;
    const phase = load(`${name}.start.npy`).map((u) => 2 * Math.PI * u);
    using session = await createSession(
      { magnitudes, shape, ...(support && { support }) },
      { backend, precision, algorithm, beta, start: { phase } },
    );
    await session.run(iterations);
    expect(relativeError(await session.readObject(), load(result))).toBeLessThan(tolerance);
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

function load(file: string): Float64Array {
  const data: RealArray = decodeNpy(readFileSync(new URL(file, folder))).data;
  return Float64Array.from(data);
}
