/** The caller's arrays: from whatever realm they come, and whatever is done to them while a promise is pending. */
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  createSession,
  fftshift,
  inspect,
  magnitudesFromIntensities,
  retrieve,
  type Problem,
  type RealArray,
} from '../src/index.js';

const shape = [8, 6] as const;
const size = 48;
const values = Array.from({ length: size }, (_, i) => 1 + ((i * 7) % 13));
const pixels = Array.from({ length: size }, (_, i) => (i % 6 < 3 ? 1 : 0));
const options = { backend: 'wasm', algorithm: 'hio', iterations: 5 } as const;
const fresh = () => ({ magnitudes: Float32Array.from(values), shape, support: Uint8Array.from(pixels) });
const expected = await retrieve(fresh(), options);

async function bySession(problem: Problem) {
  const { iterations, ...rest } = options;
  using session = await createSession(problem, rest);
  await session.run(iterations);
  return session.readObject();
}

describe('arrays of another realm', () => {
  const other = (code: string) => vm.runInNewContext(code, { values, pixels }) as unknown;
  const problem = {
    magnitudes: other('Float32Array.from(values)') as Float32Array,
    shape: other('[8, 6]') as [number, number],
    support: other('Uint8Array.from(pixels)') as Uint8Array,
    mask: other('pixels.map(() => true)') as boolean[],
  };

  it('are problems, supports and masks like any other', async () => {
    expect(problem.magnitudes).not.toBeInstanceOf(Float32Array);
    expect((await retrieve(problem, options)).object).toEqual(expected.object);
    expect(inspect(problem).measured).toBe(1);
  });

  it('are shifted, written, and turned to magnitudes', async () => {
    expect(fftshift(problem.magnitudes, shape)).toHaveLength(size);
    expect(magnitudesFromIntensities(problem.magnitudes, shape)[1]).toBeCloseTo(Math.sqrt(values[1]));
    using session = await createSession(fresh(), { backend: 'wasm' });
    session.writeObject(problem.magnitudes);
    session.setSupport(problem.support);
    expect([...(await session.readObject())]).toEqual(values);
  });
});

describe('arrays that change while the promise is pending', () => {
  const growing = () => {
    const memory = new (ArrayBuffer as unknown as new (bytes: number, options: object) => ArrayBuffer)(4 * size, {
      maxByteLength: 8 * size,
    });
    const magnitudes = new Float32Array(memory);
    magnitudes.set(values);
    return { ...fresh(), magnitudes };
  };
  const changes: [string, () => Problem, (array: RealArray) => unknown][] = [
    ['filled with NaN', fresh, (array) => array.fill(NaN)],
    ['filled with zeros', fresh, (array) => array.fill(0)],
    ['transferred', fresh, (array) => structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] })],
    ['shrunk', growing, (array) => (array.buffer as unknown as { resize(bytes: number): void }).resize(16)],
  ];

  it.each(changes)('may be %s', async (_what, make, change) => {
    for (const run of [async (problem: Problem) => (await retrieve(problem, options)).object, bySession]) {
      const problem = make();
      const result = run(problem);
      change(problem.magnitudes);
      (problem.support as Uint8Array).fill(0);
      expect(await result).toEqual(expected.object);
    }
  });

  it('may be a start, and what a session is given', async () => {
    const object = Float32Array.from(values);
    const begun = createSession(fresh(), { backend: 'wasm', start: { object } });
    object.fill(NaN);
    using session = await begun;
    expect([...(await session.readObject())]).toEqual(values);
    const spectrum = new Float32Array(2 * size).fill(1);
    session.writeSpectrum(spectrum);
    spectrum.fill(NaN);
    expect(await session.readSpectrum()).not.toContain(NaN);
  });

  it('leave what is inspected as it was', async () => {
    const problem = fresh();
    const result = retrieve(problem, { ...options, inspect: true });
    const { warnings } = inspect(problem);
    problem.magnitudes.fill(NaN);
    expect((await result).warnings.slice(0, warnings.length)).toEqual(warnings);
  });
});

describe('an array that says of itself what is not so', () => {
  class Liar extends Float32Array {
    override get length(): number {
      return size;
    }
  }
  const impostors: [string, () => unknown, RegExp][] = [
    ['a longer length', () => new Liar(16).fill(1), /a Float32Array of 16; takes .* = 48 numbers/],
    ['a class', () => new Proxy(Float32Array.from(values), {}), /an object; takes/],
    ['a prototype', () => Object.create(Float32Array.prototype) as unknown, /an object; takes/],
  ];

  it.each(impostors)('such as %s is refused', async (_what, make, message) => {
    const attempt = retrieve({ ...fresh(), magnitudes: make() as Float32Array }, options);
    await expect(attempt).rejects.toThrow(InvalidArgumentError);
    await expect(attempt).rejects.toThrow(message);
  });
});
