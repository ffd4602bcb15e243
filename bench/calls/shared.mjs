/** The measuring code of `rephase bench --calls`, compiled to a module that Node and pages load. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { transformSync } from 'esbuild';

const OUTPUT = new URL('../../build/bench/call-overhead.mjs', import.meta.url);
const source = readFileSync(new URL('../../src/cli/call-overhead.ts', import.meta.url), 'utf8');
mkdirSync(new URL('.', OUTPUT), { recursive: true });
writeFileSync(OUTPUT, transformSync(source, { loader: 'ts' }).code);

/** @type {typeof import('../../src/cli/call-overhead.js')} */
export const overhead = await import(OUTPUT.href);
