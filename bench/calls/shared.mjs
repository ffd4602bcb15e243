/** The measuring code that `rephase bench --calls` has as well, from its source: a module for Node and for pages. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';

const path = (/** @type {string} */ name) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const OUTPUT = path('build/bench/call-overhead.mjs');

/** Compiled anew; the module's file. */
export async function buildShared() {
  const { buildSync } = await import('esbuild');
  mkdirSync(path('build/bench'), { recursive: true });
  const source = path('src/cli/call-overhead.ts');
  const options = /** @type {const} */ ({ bundle: true, write: false, format: 'esm', target: 'es2023' });
  const [{ text }] = buildSync({ entryPoints: [source], ...options }).outputFiles;
  writeFileSync(OUTPUT, text);
  return OUTPUT;
}

/** @returns {Promise<typeof import('../../src/cli/call-overhead.js')>} */
export async function shared() {
  return import(pathToFileURL(OUTPUT).href);
}
