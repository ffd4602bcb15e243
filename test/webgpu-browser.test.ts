/** The spec on every backend that a browser has, in a page and in a worker, with the library as it is published. */
import process from 'node:process';
import { afterAll, describe, expect, it } from 'vitest';
import { openBrowser, whyNoBrowser } from './support/chromium.js';
import { whyNoWebGpu } from './support/webgpu.js';

const reason = whyNoBrowser();
const browser = reason === '' ? await openBrowser() : undefined;
afterAll(() => browser?.close());

/** In a sample each kind has a case in the page, and what is the same in both is left out in the worker. */
const SAMPLED = {
  page: [
    / on webgpu.* with (?!er|rrr)[\w-]+ > does the same/,
    / the reference implementation on webgpu.* (?!40x56\.(gs|hybrid\.beta0\.8))\d+x/,
    / on webgpu.* copies no image to change its rule|compiles a rule once/,
  ],
  worker: [
    / on webgpu.* (neither keeps nor changes|continues from an object|goes through a chain|shows the start)/,
    / on webgpu.* (has a residual of NaN|keeps the residual|all get an iterate)/,
    / the reference implementation on webgpu/,
  ],
};

/**
 * Every device and every shape takes a browser a second to compile for. Left out are, in the page, more of a kind, and in
 * the worker most of what is the same arithmetic in both.
 */
const LEFT_OUT = {
  page: [
    /refuses > (the buffer (?!spectrum)|a staging)/,
    /event loop/,
    / 31x37\.(?!gs)/,
    /with a support size/,
    /in any mixture/,
    /the half spectrum on webgpu(?!.* \[(8,9|17,20)\], masked: true)/,
  ],
  worker: [
    /refuses|copies no|in any mixture|event loop|seeded start|with a support size/,
    /compiles a rule once|in one run, in steps|each would alone|every feasible object/,
    /the reference implementation(?!.* 64x64\.gs)/,
    /the half spectrum/,
  ],
};

const leftOut = process.env.REPHASE_TEST_MATRIX
  ? LEFT_OUT
  : { page: [...LEFT_OUT.page, ...SAMPLED.page], worker: [...LEFT_OUT.worker, ...SAMPLED.worker] };

describe.skipIf(!browser)(`Chromium${reason && ` (skipped: ${reason})`}`, () => {
  for (const where of ['page', 'worker'] as const) {
    const { names, run } = browser?.[where] ?? { names: [], run: () => Promise.resolve() };

    describe(`in a ${where}`, () => {
      it('has the backends webgpu and wasm', () => {
        for (const backend of ['webgpu', 'wasm']) expect(names.join()).toContain(` on ${backend}, `);
      });

      it.each(names.filter((name) => !leftOut[where].some((kind) => kind.test(name))))('%s', run);
    });
  }

  it('prints nothing', () => {
    expect(browser?.printed).toEqual([]);
  });
});

it.runIf(process.env.CI)(
  'WebGPU is tested in Node or in a browser wherever these tests decide about anything',
  async () => {
    const inNode = await whyNoWebGpu();
    expect(inNode === '' || reason === '', `${inNode}; ${reason}`).toBe(true);
  },
);
