/** Measures calls and call overhead in a page of headless Chromium, on the backends that browsers have. */
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

/** WebGPU on the processor, where the browser would otherwise offer none. */
const FLAGS = ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
/** Isolated pages have a clock of 5 µs, others of 100. */
const headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

/**
 * @param {import('../measure.mjs').Effort} effort
 * @param {{ wasm: number[], webgpu: number[] }} sizes
 */
export async function measureInPage(effort, sizes) {
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });
  const page = await browser.newPage();
  // Whatever the page asks for is a file of the project; no server runs.
  await page.route('**', (route) => {
    const { pathname } = new URL(route.request().url());
    if (pathname === '/') return route.fulfill({ headers, contentType: 'text/html', body: '<!doctype html>' });
    return route.fulfill({ headers, path: fileURLToPath(new URL(`../..${pathname}`, import.meta.url)) });
  });
  await page.goto('http://localhost/');
  const measured = await page.evaluate(async ([effort, sizes]) => {
    const load = (/** @type {string} */ path) => import(path);
    const rephase = await load('/dist/index.browser.js');
    const overhead = await load('/build/bench/call-overhead.mjs');
    const { callOverhead, engineCalls, webgpuCalls } = await load('/bench/calls/calls.mjs');
    if (!crossOriginIsolated) throw new Error('the page is not isolated');
    const calls = [...(await engineCalls(effort)), ...(await webgpuCalls(effort))];
    const granularity = {};
    for (const backend of ['wasm', 'webgpu']) {
      granularity[backend] = await callOverhead(rephase, overhead, backend, sizes[backend], effort);
    }
    return { calls, granularity };
  }, /** @type {const} */ ([effort, sizes]));
  const version = browser.version();
  await browser.close();
  return { browser: `Chromium ${version}`, ...measured };
}
