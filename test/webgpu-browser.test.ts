/** The webgpu backend in a real browser, in a page and in a worker, with the library as it is published. */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSession } from '../src/index.js';
import { relativeError } from './support/images.js';
import { CHROMIUM, whyNoBrowser } from './support/webgpu.js';

const reason = whyNoBrowser();

/** WebGPU on the processor, where the browser would otherwise offer none. */
const FLAGS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

const SHAPE = [48, 30] as const;
const magnitudes = Float32Array.from({ length: SHAPE[0] * SHAPE[1] }, (_, i) => 0.2 + ((i * 7) % 11));
const OPTIONS = { algorithm: 'hio', seed: 3, starts: 2 } as const;

/** In a page or in a worker; `report` differs. */
const program = `
  import { createSession, listBackends } from '/rephase.js';
  try {
    const problem = { magnitudes: Float32Array.of(${magnitudes.join(', ')}), shape: [${SHAPE.join(', ')}] };
    const session = await createSession(problem, { ...${JSON.stringify(OPTIONS)}, backend: 'webgpu' });
    await session.run(2);
    session.inverse();
    session.constrainObject();
    session.forward();
    session.constrainFourier();
    const object = [...await session.readObject(1)];
    const { downloads } = session.memory();
    session.dispose();
    const { available, devices } = (await listBackends()).find(({ name }) => name === 'webgpu');
    report({ object, downloads, available, software: devices[0].software, hasPage: 'document' in globalThis });
  } catch (error) {
    report({ failure: String(error) });
  }
`;

const scripts: Record<string, string> = {
  '/page.js': `const { report } = globalThis; ${program}`,
  '/starter.js': `
    const worker = new Worker('/worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => report(data);
    worker.onerror = ({ message }) => report({ failure: message });`,
  '/worker.js': `const report = (message) => postMessage(message); ${program}`,
};

interface Outcome {
  failure?: string;
  object: number[];
  downloads: number;
  available: boolean;
  software: boolean;
  hasPage: boolean;
}

describe.skipIf(reason !== '')(`the webgpu backend in a browser${reason && ` (skipped: ${reason})`}`, () => {
  let browser: Browser;
  let server: Server;

  beforeAll(async () => {
    const library = readFileSync(new URL('../dist/index.browser.js', import.meta.url), 'utf8');
    server = createServer(({ url = '' }, response) => {
      const script = url === '/rephase.js' ? library : scripts[url];
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
      response.end(script ?? `<!doctype html><script type="module" src="${url.replace('/in-', '/')}.js"></script>`);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  });

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it.each([
    ['a page', '/in-page', true],
    ['a worker', '/in-starter', false],
  ])('computes in %s what the wasm backend does, and prints nothing', async (_where, path, hasPage) => {
    const page = await browser.newPage();
    const printed: string[] = [];
    page.on('console', (message) => printed.push(message.text()));
    const outcome = await new Promise<Outcome>((resolve, reject) => {
      page.on('pageerror', reject);
      void page
        .exposeFunction('report', resolve)
        .then(() => page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`));
    });
    await page.close();
    expect(outcome.failure).toBeUndefined();
    expect(outcome).toMatchObject({ available: true, software: true, hasPage, downloads: 1 });
    using here = await createSession({ magnitudes, shape: SHAPE }, { ...OPTIONS, backend: 'wasm' });
    await here.run(3);
    expect(relativeError(outcome.object, await here.readObject(1))).toBeLessThan(1e-4);
    // Chromium fetches an icon for every page, of which there is none.
    expect(printed.filter((line) => !line.includes('404'))).toEqual([]);
  });
});
