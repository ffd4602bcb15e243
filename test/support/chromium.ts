/** The spec in headless Chromium, in a page or in a worker of it, with the library as it is published. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { chromium } from 'playwright-core';
import { readVector } from './vectors.js';

export const CHROMIUM = '/usr/bin/chromium';

/** Where the server has what scripts import and fetch. */
const LIBRARY = '/rephase.js';
const SPEC = '/spec.js';
const WORKER = '/worker.js';
const VECTORS = '/vectors/';

/** WebGPU on the processor, where the browser would otherwise offer none, and `gc()`, by which tests see what is kept. */
export const FLAGS = [
  ...['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  '--js-flags=--expose-gc',
];

/** Empty where there is a browser to run. */
export function whyNoBrowser(): string {
  return existsSync(CHROMIUM) ? '' : `there is no ${CHROMIUM}`;
}

export interface Spec {
  /** Full names of the cases. */
  names: string[];
  /** Rejects as the case does. */
  run: (name: string) => Promise<void>;
}

export interface Browser {
  page: Spec;
  worker: Spec;
  /** What either has printed. */
  printed: string[];
  close(): Promise<void>;
}

export async function openBrowser(): Promise<Browser> {
  const server = await serve();
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const page = await browser.newPage();
  const printed: string[] = [];
  page.on('console', (message) => printed.push(message.text()));
  page.on('pageerror', (error) => printed.push(String(error)));
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const started = page.waitForEvent('worker');
  await page.evaluate(`void new Worker('${WORKER}', { type: 'module' })`);
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { page: await specIn(page), worker: await specIn(await started), printed, close };
}

/** In a page or a worker. */
async function specIn(scope: { evaluate(script: string): Promise<unknown> }): Promise<Spec> {
  return {
    names: (await scope.evaluate(`import('${SPEC}').then(({ names }) => names())`)) as string[],
    run: async (name) =>
      void (await scope.evaluate(`import('${SPEC}').then(({ run }) => run(${JSON.stringify(name)}))`)),
  };
}

async function serve(): Promise<Server> {
  const scripts = new Map([
    [LIBRARY, readFileSync(new URL('../../dist/index.browser.js', import.meta.url), 'utf8')],
    // What the library imports.
    ['/errors.js', readFileSync(new URL('../../dist/errors.js', import.meta.url), 'utf8')],
    [SPEC, await bundleSpec()],
    [WORKER, ''],
  ]);
  const server = createServer(({ url = '' }, response) => {
    if (url.startsWith(VECTORS)) {
      return void readVector(url.slice(VECTORS.length)).then((bytes) => response.end(bytes));
    }
    const script = scripts.get(url);
    response.setHeader('content-type', script === undefined ? 'text/html' : 'text/javascript');
    // Without the link it would look for an icon.
    response.end(script ?? '<!doctype html><link rel="icon" href="data:,">');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

async function bundleSpec(): Promise<string> {
  const output = await build({
    entryPoints: [fileURLToPath(new URL('./in-browser/spec.ts', import.meta.url))],
    plugins: [standIns],
    bundle: true,
    // The package's own word that its modules do nothing but export is not true of tests.
    ignoreAnnotations: true,
    write: false,
    format: 'esm',
    // Fails where something of Node is imported.
    platform: 'browser',
    target: 'es2022',
    define: { 'process.env.REPHASE_TEST_MATRIX': JSON.stringify(process.env.REPHASE_TEST_MATRIX ?? '') },
    logLevel: 'silent',
  });
  return output.outputFiles[0].text;
}

/** What a browser has in place of a module. */
const standIns: Plugin = {
  name: 'stand-ins',
  setup: (bundle) => {
    const standIn = (name: string) => fileURLToPath(new URL(`./in-browser/${name}.ts`, import.meta.url));
    bundle.onResolve({ filter: /^vitest$/ }, ({ importer }) =>
      importer === standIn('vitest') ? undefined : { path: standIn('vitest') },
    );
    bundle.onResolve({ filter: /support\/vectors\.js$/ }, () => ({ path: standIn('vectors') }));
    bundle.onResolve({ filter: /src\/index\.js$/ }, () => ({ path: LIBRARY, external: true }));
    // The package for Node, imported where there is no navigator.gpu.
    bundle.onResolve({ filter: /^webgpu$/ }, ({ path }) => ({ path, external: true }));
  },
};
