/**
 * What is published: one library build for Node (ESM and CommonJS, with types), one for browsers, and the command line.
 * The WebAssembly module is inside the JavaScript as base64, so none of them reads a file at run time. Dependencies stay
 * imports.
 */
import { readFile } from 'node:fs/promises';
import { defineConfig, type Options } from 'tsup';

const common: Options = { target: 'es2022', sourcemap: false, treeshake: true, outDir: 'dist' };

/** `formats` works on bytes and runs anywhere, `files` is for Node only. */
const entries = { index: 'src/index.ts', formats: 'src/formats/index.ts', files: 'src/formats/files.ts' };

/** Browsers never get to see the native addon's loader: the backend that is there says that it needs Node. */
const withoutCuda: Options['esbuildPlugins'] = [
  {
    name: 'without-cuda',
    setup: (build) =>
      build.onLoad({ filter: /backends[\\/]cuda[\\/]backend\.ts$/ }, async ({ path }) => ({
        contents: await readFile(path.replace(/backend\.ts$/, 'backend.browser.ts'), 'utf8'),
        loader: 'ts',
      })),
  },
];

export default defineConfig([
  // The library and the command line share their code in chunks, so that the module is in the package once for both.
  {
    ...common,
    entry: { ...entries, cli: 'src/cli.ts' },
    format: 'esm',
    platform: 'node',
    splitting: true,
    // esbuild would write `node:` imports without their prefix otherwise.
    removeNodeProtocol: false,
  },
  {
    ...common,
    entry: entries,
    format: 'cjs',
    platform: 'node',
    // Keeps import() of the dependencies that exist as ES modules only.
    removeNodeProtocol: false,
    splitting: false,
    // import.meta.url, by which the CUDA addon is found.
    shims: true,
  },
  { ...common, entry: entries, format: ['esm', 'cjs'], dts: { only: true } },
  {
    ...common,
    entry: { 'index.browser': 'src/index.ts' },
    format: 'esm',
    platform: 'browser',
    splitting: false,
    esbuildPlugins: withoutCuda,
  },
]);
