/**
 * The built library in a real browser (Debian's Chromium): the same numbers as in Node, on a worker where the page's
 * content security policy allows one, and on the page's own thread where it does not; and the same images from files.
 */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { build } from 'esbuild';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { retrieve } from '../src/index.js';
import { decodeImage } from '../src/formats/index.js';
import { noise } from './support/images.js';

const dist = (name: string) => new URL(`../dist/${name}`, import.meta.url).pathname;
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

const FILES = ['f4-big.npy', 'grey8.png', 'lzw.tif', 'gzip.h5'];
const fixture = (name: string) => readFileSync(new URL(`./fixtures/${name}`, import.meta.url));

/** Reads a file of each format, and writes and reads the formats that can be written. */
const formatsProgram = `
  import { decodeImage, encodeImage } from './formats.js';
  const read = {};
  for (const name of ${JSON.stringify(FILES)}) {
    const bytes = new Uint8Array(await (await fetch('/fixtures/' + name)).arrayBuffer());
    read[name] = [...(await decodeImage(bytes)).data];
  }
  const image = { data: Float32Array.of(0, 50, 100, 255), shape: [2, 2] };
  const written = {};
  for (const format of ['npy', 'png', 'tiff']) {
    written[format] = [...(await decodeImage(await encodeImage(image, format))).data];
  }
  const refused = await decodeImage(new TextEncoder().encode('no image')).catch((error) => error);
  report({ read, written, refused: refused.code });
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

  beforeAll(async () => {
    // Reading files needs packages, which only a bundler finds for a browser.
    const output = await build({
      entryPoints: [dist('formats.js')],
      bundle: true,
      write: false,
      format: 'esm',
      // Fails where something of Node is imported.
      platform: 'browser',
      logLevel: 'silent',
    });
    const scripts: Record<string, string> = {
      // As it is published: it imports errors.js, and nothing else.
      '/rephase.js': readFileSync(dist('index.browser.js'), 'utf8'),
      '/errors.js': readFileSync(dist('errors.js'), 'utf8'),
      '/program.js': program,
      '/formats.js': output.outputFiles[0].text,
      '/formats-program.js': formatsProgram,
    };
    server = createServer(({ url = '' }, response) => {
      if (url.startsWith('/fixtures/')) return void response.end(fixture(url.slice('/fixtures/'.length)));
      const policy = url === '/strict' ? "script-src 'self' 'wasm-unsafe-eval'; worker-src 'none'" : '';
      const isScript = url in scripts;
      const main = url === '/formats' ? 'formats-program.js' : 'program.js';
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html');
      if (policy) response.setHeader('content-security-policy', policy);
      response.end(isScript ? scripts[url] : `<!doctype html><script type="module" src="/${main}"></script>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  async function outcomeOf<Result = Outcome>(path: string): Promise<Result> {
    const page = await browser.newPage();
    const reported = new Promise<Result>((resolve, reject) => {
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

  it('reads and writes images of every format as Node does', async () => {
    const { read, written, refused } = await outcomeOf<{
      read: Record<string, number[]>;
      written: Record<string, number[]>;
      refused: string;
    }>('/formats');
    for (const name of FILES) expect(read[name], name).toEqual([...(await decodeImage(fixture(name))).data]);
    for (const format of ['npy', 'png', 'tiff']) expect(written[format], format).toEqual([0, 50, 100, 255]);
    expect(refused).toBe('FILE_FORMAT');
  });
});
