/** Checkpoints: a run that goes on from one ends as if nothing had interrupted it, and others are refused. */
import { crc32 } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  AbortError,
  retrieve,
  type Problem,
  type Reconstruction,
  type RetrieveOptions,
  type Shape,
} from '../src/index.js';
import { requireBackend } from '../src/backends/registry.js';
import type { Backend, BackendSession } from '../src/backends/interface.js';
import { prepare } from '../src/problems/image.js';
import { checkSessionOptions } from '../src/problems/options.js';
import { checkChain } from '../src/retrieve/chain.js';
import { decodeCheckpoint } from '../src/retrieve/checkpoint.js';
import { runJob, type Job } from '../src/retrieve/job.js';
import type { StartState } from '../src/session/start-state.js';
import { onEveryBackend } from './support/backends.js';
import { asymmetricMagnitudes, noise, randomMask, relativeError } from './support/images.js';

function problemOf([rows, columns]: Shape): Problem {
  const support = Uint8Array.from({ length: rows * columns }, (_, i) =>
    Number(Math.floor(i / columns) < 0.6 * rows && i % columns < 0.6 * columns),
  );
  return { magnitudes: asymmetricMagnitudes([rows, columns]), shape: [rows, columns], support };
}

/** The result without what depends on the clock. */
function lasting({ seconds: _, warnings: __, ...result }: Reconstruction) {
  return result;
}

/** Runs to the end, and gathers the checkpoints of the run, one for every batch of iterations. */
async function watched(problem: Problem, options: RetrieveOptions) {
  const checkpoints: Uint8Array[] = [];
  const result = await retrieve(problem, {
    ...{ ...options, checkpointSeconds: 1e-6 },
    onCheckpoint: (checkpoint) => checkpoints.push(checkpoint),
  });
  return { result, checkpoints };
}

/** How far each start is, in the generation of the checkpoint. */
function reached(checkpoint: Uint8Array): number[] {
  const { origins } = decodeCheckpoint(checkpoint);
  return origins.map((origin) => (origin && 'iterations' in origin ? origin.iterations : 0));
}

onEveryBackend('a checkpoint', ({ backend, precision, tolerance }) => {
  const base = { backend, precision, seed: 5, history: true, inspect: false } as const;
  const sameAs = (actual: Reconstruction, expected: Reconstruction) => {
    if (backend === 'wasm') return expect(lasting(actual)).toEqual(lasting(expected));
    expect(relativeError(actual.object, expected.object)).toBeLessThan(tolerance);
    expect(relativeError(actual.residuals, expected.residuals)).toBeLessThan(tolerance);
    expect(actual).toMatchObject({ iterations: expected.iterations, chain: expected.chain, best: expected.best });
    return undefined;
  };

  it.each([
    ['er*9', [12, 20]],
    ['hio:0.7*4+er*3+hio:0.8*3', [20, 12]],
    ['rrr*9', [9, 15]],
    ['er*3+raar:0.9..0.5*6', [16, 17]],
    ['(chio*1+er*1)*4+dm*2', [17, 16]],
    ['cf*8', [1, 14]],
    ['hpr*6+er*2', [13, 12], 'everywhere'],
    ['hio*2+ml*4+ml*3', [10, 9]],
    ['rrr*6+er*2', [10, 12], 'everywhere', 30],
    // Of so many, a few more or less may get through: which, follows from the threshold before, which only wasm tells.
    ...(backend === 'wasm' ? [['hio*9', [40, 42], 'everywhere', 500]] : []),
  ] as [string, Shape, string?, number?][])(
    'changes nothing, and resumes %s anywhere',
    async (chain, shape, where, supportSize) => {
      const { support, ...pattern } = problemOf(shape);
      const problem = { ...pattern, mask: randomMask(shape, 0.9, 3), ...(where ? { supportSize } : { support }) };
      const plain = await retrieve(problem, { ...base, chain });
      const { result, checkpoints } = await watched(problem, { ...base, chain });
      sameAs(result, plain);
      expect(checkpoints.length).toBeGreaterThan(2);
      for (const resume of checkpoints) sameAs(await retrieve(problem, { ...base, chain, resume }), plain);
      expect(reached(checkpoints.at(-1)!)).toEqual([plain.iterations]);
    },
  );

  it('is resumed by several starts, each where it was, and through generations', async () => {
    const problem = problemOf([16, 18]);
    const options = { ...base, chain: 'hio:0.7*4+er*2', starts: 5, generations: 3 } as const;
    const plain = await retrieve(problem, options);
    const { result, checkpoints } = await watched(problem, options);
    sameAs(result, plain);
    const rounds = new Set(checkpoints.map((checkpoint) => decodeCheckpoint(checkpoint).rounds));
    expect([...rounds]).toEqual([0, 1, 2]);
    const some = checkpoints.filter((_, i) => i % Math.ceil(checkpoints.length / 3) === 0);
    for (const resume of some) {
      const resumed = await retrieve(problem, { ...options, resume });
      sameAs(resumed, plain);
      if (backend === 'wasm') expect(resumed.agreement).toEqual(plain.agreement);
    }
  });

  it('is made when the run is aborted, and leads to the same end', async () => {
    const problem = problemOf([16, 18]);
    const options = { ...base, iterations: 12, starts: 2 };
    const plain = await retrieve(problem, options);
    const abort = new AbortController();
    let resume: Uint8Array | undefined;
    const run = retrieve(problem, {
      ...{ ...options, signal: abort.signal, checkpointSeconds: 1e-6 },
      onCheckpoint: (checkpoint) => {
        resume = checkpoint;
        abort.abort();
      },
    });
    await run.catch((error: unknown) => expect(error).toBeInstanceOf(AbortError));
    sameAs(await retrieve(problem, { ...options, resume: resume! }), plain);
  });
});

/** wasm's backend as one that stores spectra otherwise. */
async function withoutHalves(): Promise<Backend> {
  const wasm = await requireBackend('wasm');
  return {
    ...wasm,
    async createSession(problem, device) {
      const session = await wasm.createSession(problem, device);
      const hidden: (keyof BackendSession)[] = ['readStored', 'writeStored'];
      return new Proxy(session, {
        get: (target, name: keyof BackendSession) => {
          const value: unknown = hidden.includes(name) ? undefined : Reflect.get(target, name);
          return typeof value === 'function' ? (value.bind(target) as unknown) : value;
        },
      });
    },
  };
}

describe('the state of a start', () => {
  it.each([
    [8, 10],
    [7, 9],
    [1, 6],
    [5, 1],
    [6, 2],
  ] as const)('is the same on a backend that stores spectra otherwise, %i × %i', async (...shape) => {
    const chain = checkChain('hio:0.7*8');
    const setup = prepare(
      problemOf(shape),
      checkSessionOptions({ precision: 'double', algorithm: 'hio', beta: 0.7 }),
      undefined,
    );
    const job: Job = { setup, device: 0, chain, stateSeconds: 1e-6 };
    const run = async (backend: Backend, origins: StartState[] = []) => {
      const seen: StartState[] = [];
      const { object } = await runJob(backend, { ...job, origins }, { onStates: (states) => seen.push(...states) });
      return { seen, object };
    };
    const [wasm, other] = [await requireBackend('wasm'), await withoutHalves()];
    const [a, b] = [await run(wasm), await run(other)];
    expect(b.object).toEqual(a.object);
    const state = a.seen.find(({ iterations }) => iterations > 1 && iterations < 8)!;
    const same = b.seen.find(({ iterations }) => iterations === state.iterations)!;
    expect(relativeError(same.spectrum, state.spectrum)).toBeLessThan(1e-14);
    expect(relativeError((await run(other, [state])).object, a.object)).toBeLessThan(1e-9);
    expect(relativeError((await run(wasm, [same])).object, a.object)).toBeLessThan(1e-9);
  });
});

describe('a checkpoint', () => {
  const problem = problemOf([16, 18]);
  const options = { backend: 'wasm', iterations: 6, seed: 5, inspect: false } as const;
  const made = watched(problem, options).then(({ checkpoints }) => checkpoints[0]);

  it('has the checksum of its content, which other versions look at', async () => {
    const whole = await made;
    const view = new DataView(whole.buffer, whole.byteOffset);
    expect(view.getUint32(16, true)).toBe(crc32(whole.subarray(20)));
  });

  it('that is damaged anywhere is refused', async () => {
    const whole = await made;
    for (let at = 0; at < whole.length; at += at < 64 ? 1 : 131) {
      const damaged = whole.slice();
      damaged[at] ^= 1 << (at % 8);
      await expect(retrieve(problem, { ...options, resume: damaged }), `byte ${at}`).rejects.toThrow(
        /^resume: (these bytes are no|the checkpoint is (of version|cut short|damaged))/,
      );
    }
  });

  it('that is cut short is refused, and says so', async () => {
    const whole = await made;
    for (let length = 8; length < whole.length; length += length < 40 ? 1 : 301) {
      await expect(retrieve(problem, { ...options, resume: whole.slice(0, length) })).rejects.toThrow(
        `resume: the checkpoint is cut short: it has ${length} of`,
      );
    }
    await expect(retrieve(problem, { ...options, resume: new Uint8Array() })).rejects.toThrow(/are no checkpoint/);
    await expect(retrieve(problem, { ...options, resume: Uint8Array.of(...whole, 0) })).rejects.toThrow(/is damaged/);
    await expect(retrieve(problem, { ...options, resume: 'run.checkpoint' as never })).rejects.toThrow(
      'resume: got "run.checkpoint"; takes a Uint8Array, the content of a checkpoint',
    );
  });

  it('of another run is refused, and the difference named', async () => {
    const resume = await made;
    const refused = async (change: Partial<Problem>, others: RetrieveOptions, why: RegExp) => {
      const run = retrieve({ ...problem, ...change }, { ...options, ...others, resume });
      await expect(run).rejects.toThrow(why);
      await expect(run).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', argument: 'resume' });
    };
    const magnitudes = problem.magnitudes.slice();
    magnitudes[7] *= 1.001;
    await refused({ magnitudes }, {}, /has other values in magnitudes/);
    await refused({ mask: randomMask([16, 18], 0.9, 1) }, {}, /other values in mask/);
    await refused({ support: undefined }, {}, /other values in support/);
    await refused({ bounds: [0, 9] }, {}, /has bounds 0\.\.Infinity, and this run 0\.\.9/);
    await refused({}, { start: { object: noise(magnitudes.length, 1) } }, /other values in start/);
    await refused({ tolerance: 1 }, {}, /has tolerance 0, and this run 1/);
    await refused({}, { seed: 6 }, /has seed 5, and this run 6/);
    await refused({}, { starts: 2 }, /has starts 1, and this run 2/);
    await refused({}, { iterations: 7 }, /has chain gs\*6, and this run gs\*7/);
    await refused({}, { precision: 'double' }, /has precision single, and this run double/);
    await refused({}, { alpha: 0.5 }, /has alpha 0.4, and this run 0.5/);
    await refused({}, { starts: 2, generations: 2 }, /has starts 1, and this run 2/);
    await refused({}, { history: true }, /has no history of residuals/);
  });

  it('is taken whole while the one before is being written, and a failure to take it ends the run', async () => {
    let [writing, most] = [0, 0];
    const onCheckpoint = async (checkpoint: Uint8Array) => {
      most = Math.max(most, ++writing);
      await new Promise((resolve) => setTimeout(resolve, 5));
      decodeCheckpoint(checkpoint);
      writing--;
    };
    await retrieve(problem, { ...options, iterations: 40, starts: 4, onCheckpoint, checkpointSeconds: 1e-6 });
    expect([writing, most]).toEqual([0, 1]);
    const full = () => Promise.reject(new Error('the disk is full'));
    await expect(retrieve(problem, { ...options, onCheckpoint: full })).rejects.toThrow('the disk is full');
  });

  it('is made every so many seconds, a number above 0, and handed to a function', async () => {
    await expect(retrieve(problem, { ...options, checkpointSeconds: 0 })).rejects.toThrow(
      'checkpointSeconds: got 0; takes a number above 0',
    );
    await expect(retrieve(problem, { ...options, onCheckpoint: 'file' as never })).rejects.toThrow(
      'onCheckpoint: got "file"; takes a function',
    );
    let count = 0;
    await retrieve(problem, { ...options, onCheckpoint: () => count++ });
    expect(count).toBe(1);
  });

  it.each<RetrieveOptions>([
    { chain: '(hio:0.7*6+er*3)*8', starts: 3, detwin: true },
    { chain: 'er*20', starts: 3, generations: 7, heldOut: 0, refine: 0 },
  ])('of wasm holds supports that have shrunk: %j', async (others) => {
    const shrinkWrap = { sigma: 0.7, threshold: 0.6, guard: 1.02 };
    const shrinking = { ...options, iterations: undefined, ...others, shrinkWrap };
    const { result, checkpoints } = await watched(problem, shrinking);
    expect(result.shrunk!.some(({ shrinks, takenBack }) => shrinks > 0 || takenBack)).toBe(true);
    for (let i = 0; i < checkpoints.length; i += Math.ceil(checkpoints.length / 3)) {
      const resumed = await retrieve(problem, { ...shrinking, resume: checkpoints[i] });
      expect(lasting(resumed)).toEqual(lasting(result));
    }
    await expect(retrieve(problem, { ...shrinking, shrinkWrap: true, resume: checkpoints[0] })).rejects.toThrow(
      /has shrinkWrap every=1,sigma=0.7..0.7,threshold=0.6,.*, and this run every=1,sigma=3..1,threshold=0.2,/,
    );
  });

  it('of wasm is resumed by starts that are not equally far', async () => {
    const several = { ...options, starts: 3, chain: 'hio:0.7*6', iterations: undefined };
    const { result, checkpoints } = await watched(problem, several);
    const uneven = checkpoints.find((checkpoint) => new Set(reached(checkpoint)).size > 1);
    expect(uneven).toBeDefined();
    expect(lasting(await retrieve(problem, { ...several, resume: uneven! }))).toEqual(lasting(result));
  });
});
