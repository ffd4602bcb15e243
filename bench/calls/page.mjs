/** The same in a page of headless Chromium: calls, and granularities on the backends that browsers have. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const CHROMIUM = '/usr/bin/chromium';
/** WebGPU on the processor, where the browser would otherwise offer none. */
const FLAGS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
/** What pages may fetch, all relative to the project's root. */
const SERVED = /^\/(dist|bench|build\/bench)\/[\w./-]+\.m?js$/;

/**
 * @param {{ effort: import('../measure.mjs').Effort, wasm: number[], webgpu: number[] }} options sizes by backend
 */
export async function measureInPage(options) {
  if (!existsSync(CHROMIUM)) throw new Error(`there is no ${CHROMIUM}`);
  const { chromium } = await import('playwright-core');
  const server = createServer(({ url = '' }, response) => {
    // Isolated pages have a clock of 5 µs, others of 100.
    response.setHeader('cross-origin-opener-policy', 'same-origin');
    response.setHeader('cross-origin-embedder-policy', 'require-corp');
    const file = SERVED.test(url) && !url.includes('..') && fileURLToPath(new URL(`../..${url}`, import.meta.url));
    response.setHeader('content-type', file ? 'text/javascript' : 'text/html');
    response.end(file && existsSync(file) ? readFileSync(file) : '<!doctype html>');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  try {
    const page = await browser.newPage();
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    await page.goto(`http://127.0.0.1:${port}/`);
    const program = '/bench/calls/page-program.mjs';
    const measured = await page.evaluate(
      async ([from, given]) => (await import(from)).measure(given),
      /** @type {const} */ ([program, options]),
    );
    return { browser: `Chromium ${browser.version()}`, ...measured };
  } finally {
    await browser.close();
    server.close();
  }
}
