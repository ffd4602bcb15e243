/** The caller's arrays: from whatever realm they come, and whatever is done to them while a promise is pending. */
import vm from 'node:vm';
import { describe, expect, it } from 'vitest';
import {
  InvalidArgumentError,
  alignedError,
  createSession,
  fftshift,
  inspect,
  magnitudesFromIntensities,
  retrieve,
  simulate,
  type Problem,
  type RealArray,
} from '../src/index.js';
import { decodeImage, encodeImage, encodeNpy } from '../src/formats/index.js';
import { packError, unpackError } from '../src/retrieve/workers/protocol.js';
import { messageOf } from '../src/errors.js';

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

describe('errors of another realm', () => {
  const error = vm.runInNewContext('new RangeError("too far")') as unknown;

  it('keep their message and their name', () => {
    expect(error).not.toBeInstanceOf(Error);
    expect(messageOf(error)).toBe('too far');
    expect(unpackError(packError(error))).toMatchObject({ name: 'RangeError', message: 'too far' });
  });

  it.each([undefined, null, 'text', 5])('need not be errors: %j', (thrown) => {
    expect(messageOf(thrown)).toBe(String(thrown));
    expect(unpackError(packError(thrown)).message).toBe(String(thrown));
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

  it('may be images to simulate from, to compare and to encode', async () => {
    const image = Float32Array.from(values);
    const compared = { estimate: image.slice(), truth: image.slice() };
    const encoded = image.slice();
    const expectedPattern = await simulate({ image, shape });
    const expectedPng = await encodeImage({ data: image, shape }, 'png');
    const results = [
      simulate({ image, shape }),
      alignedError(compared.estimate, compared.truth, shape),
      encodeImage({ data: encoded, shape }, 'png'),
    ] as const;
    [image, compared.estimate, compared.truth, encoded].forEach((array) => array.fill(NaN));
    const [pattern, { error, aligned }, png] = await Promise.all(results);
    expect(pattern).toEqual(expectedPattern);
    expect(error).toBe(0);
    expect([...aligned]).toEqual(values);
    expect(png).toEqual(expectedPng);
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

  it('is taken for what it is where its kind and length are right', () => {
    class Strange extends Float32Array {
      static get [Symbol.species](): Float32ArrayConstructor {
        return Array as never;
      }
      override slice(): Float32Array<ArrayBuffer> {
        return new Float32Array(1);
      }
    }
    const shifted = fftshift(new Strange(values), shape);
    expect(shifted).toEqual(fftshift(Float32Array.from(values), shape));
    expect(() => fftshift(new Liar(16), shape)).toThrow(/image: got a Float32Array of 16; takes/);
    expect(() => fftshift([1, 2] as never, [1, 2])).toThrow(
      /image: got .*; takes a Float32Array, a Float64Array or a mask/,
    );
    expect(fftshift([true, false], [1, 2])).toEqual([false, true]);
  });
});

describe('a shape', () => {
  it('is read once', async () => {
    let reads = 0;
    const changing = new Proxy([8, 6], {
      get: (target, key) => (key === '0' && reads++ > 0 ? 1e6 : (Reflect.get(target, key) as unknown)),
    });
    const { shape: used } = await retrieve({ ...fresh(), shape: changing as [number, number] }, options);
    expect(used).toEqual([8, 6]);
  });

  it('has no holes', async () => {
    const sparse = [, 6] as unknown as [number, number];
    await expect(retrieve({ ...fresh(), shape: sparse }, options)).rejects.toThrow(/shape: got .*; takes two integers/);
    expect(() => encodeNpy(new Float32Array(6), sparse)).toThrow(/shape: got .*; takes integers/);
  });
});

describe('bytes whose memory was transferred away', () => {
  it('are an empty file', async () => {
    const bytes = new Uint8Array(100);
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    await expect(decodeImage(bytes)).rejects.toThrow(/it is empty/);
  });
});
