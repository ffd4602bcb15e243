/**
 * The library in a real browser (Debian's Chromium), from one bundled file: the same numbers as in Node, on a worker
 * where the page's content security policy allows one, and on the page's own thread where it does not.
 */
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { retrieve } from '../src/index.js';
import { noise } from './support/images.js';

const CHROMIUM = '/usr/bin/chromium';
const missing = existsSync(CHROMIUM) ? '' : ` (skipped: there is no ${CHROMIUM})`;

/** Magnitudes that both sides can make without sending arrays about. */
const magnitudes = noise(30 * 32, 1).map((u) => Math.fround(u + 0.1));

/** Runs in the page. Nothing of the test's own scope is there. */
const program = `
  import * as rephase from './rephase.js';
  let workers = 0;
  const { Worker } = globalThis;
  globalThis.Worker = class extends Worker {
    constructor(...options) { super(...options); workers += 1; }
  };
  const magnitudes = Float32Array.from(${JSON.stringify([...magnitudes])});
  const problem = { magnitudes, shape: [30, 32] };
  const options = { algorithm: 'hio', iterations: 8, seed: 3, starts: 2 };
  const result = await rephase.retrieve(problem, options);
  const controller = new AbortController();
  const endless = { ...options, iterations: 1e9, signal: controller.signal, onProgress: () => controller.abort() };
  const aborted = await rephase.retrieve(problem, endless).catch((error) => error);
  const { iterations, ...sessionOptions } = options;
  const session = await rephase.createSession(problem, sessionOptions);
  await session.run(8);
  report({
    workers,
    backend: result.backend,
    object: [...result.object],
    residuals: [...result.residuals],
    sessionResiduals: [...await session.residuals()],
    aborted: aborted.code,
    reached: aborted.partial.iterations,
    disposal: typeof session[Symbol.dispose] + typeof session[Symbol.asyncDispose],
  });
`;

interface Outcome {
  workers: number;
  backend: string;
  object: number[];
  residuals: number[];
  sessionResiduals: number[];
  aborted: string;
  reached: number;
  disposal: string;
}

describe.skipIf(missing !== '')(`a browser${missing}`, () => {
  let browser: Browser;
  let server: Server;
  let bundle = '';

  beforeAll(async () => {
    const output = await build({
      entryPoints: [new URL('../src/index.browser.ts', import.meta.url).pathname],
      bundle: true,
      write: false,
      format: 'esm',
      // Fails where something of Node is imported.
      platform: 'browser',
      logLevel: 'silent',
    });
    bundle = output.outputFiles[0].text;
    server = createServer(({ url }, response) => {
      const policy = url === '/strict' ? "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'" : '';
      const isScript = url?.endsWith('.js') ?? false;
      const body = { '/rephase.js': bundle, '/program.js': program }[url ?? ''];
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      if (policy) response.setHeader('content-security-policy', policy);
      response.end(body ?? '<!doctype html><script type="module" src="/program.js"></script>');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  async function outcomeOf(path: string): Promise<Outcome> {
    const page = await browser.newPage();
    const reported = new Promise<Outcome>((resolve, reject) => {
      page.on('pageerror', reject);
      // The strict page forbids evaluating anything from outside, so that it has to call.
      void page
        .exposeFunction('report', resolve)
        .then(() => page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`));
    });
    const outcome = await reported;
    await page.close();
    return outcome;
  }

  it.each([
    ['/', 'on workers', true],
    ['/strict', 'on its own thread where a policy forbids workers', false],
  ])('computes what Node does at %s, %s', async (path, _where, expectWorkers) => {
    const outcome = await outcomeOf(path);
    const options = { algorithm: 'hio', iterations: 8, seed: 3, starts: 2, backend: 'wasm' } as const;
    const here = await retrieve({ magnitudes, shape: [30, 32] }, options);
    expect(outcome).toMatchObject({ backend: 'wasm', aborted: 'ABORTED', disposal: 'functionfunction' });
    expect(outcome.object).toEqual([...here.object]);
    expect(outcome.residuals).toEqual([...here.residuals]);
    expect(outcome.sessionResiduals).toEqual([...here.residuals]);
    expect(outcome.reached).toBeGreaterThan(0);
    if (expectWorkers) expect(outcome.workers).toBeGreaterThan(0);
  });
});
