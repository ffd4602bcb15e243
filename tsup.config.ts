/**
 * What is published: the library for Node (ESM and CommonJS, with types), the library for browsers, and the command line.
 * The WebAssembly module is inside the JavaScript as base64, so none of them reads a file at run time. Dependencies stay
 * imports.
 *
 * `errors.js` (`errors.cjs`) holds the error classes, and each other file imports it by name: several copies of a class
 * would make `instanceof` false.
 */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { defineConfig, type Options } from 'tsup';

type Plugin = NonNullable<Options['esbuildPlugins']>[number];

const common: Options = { target: 'es2022', sourcemap: false, treeshake: true, outDir: 'dist', dts: false };

/** `formats` works on bytes and runs anywhere, `files` is for Node only. */
const entries = { index: 'src/index.ts', formats: 'src/formats/index.ts', files: 'src/files.ts' };

/** Imports the error classes instead of copying them into what is built. */
const shared = (errors: './errors.js' | './errors.cjs'): Plugin => ({
  name: 'shared',
  setup: (build) => {
    build.onResolve({ filter: /\/errors\.js$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: errors, external: true, sideEffects: false },
    );
  },
});

/** Browsers never get to see the native addon's loader: the backend that is there says that it needs Node. */
const withoutCuda: Plugin = {
  name: 'without-cuda',
  setup: (build) =>
    build.onLoad({ filter: /backends[\\/]cuda[\\/]backend\.ts$/ }, async ({ path }) => ({
      contents: await readFile(path.replace(/backend\.ts$/, 'backend.browser.ts'), 'utf8'),
      loader: 'ts',
    })),
};

/** The text of a file of a package, as an expression. */
const textOf = (file: string) => JSON.stringify(readFileSync(createRequire(import.meta.url).resolve(file), 'utf8'));

export default defineConfig([
  // The library and the command line share their code in chunks, so that the module is in the package once for both.
  {
    ...common,
    entry: { ...entries, cli: 'src/cli.ts' },
    format: 'esm',
    platform: 'node',
    splitting: true,
    esbuildPlugins: [shared('./errors.js')],
    // src/cli/report.ts puts the plotting library into the pages that it writes.
    define: { PLOT_SCRIPT: textOf('uplot/dist/uPlot.iife.min.js'), PLOT_STYLE: textOf('uplot/dist/uPlot.min.css') },
    // esbuild would write `node:` imports without their prefix otherwise.
    removeNodeProtocol: false,
  },
  {
    ...common,
    entry: entries,
    format: 'cjs',
    platform: 'node',
    splitting: false,
    // These are ES modules only, which not every `require` can load: Jest's and that of Node before 20.19 cannot.
    noExternal: ['fast-png', 'iobuffer'],
    esbuildPlugins: [shared('./errors.cjs')],
    removeNodeProtocol: false,
    // import.meta.url, by which the CUDA addon is found.
    shims: true,
  },
  {
    ...common,
    entry: { 'index.browser': 'src/index.ts' },
    format: 'esm',
    platform: 'browser',
    splitting: false,
    // A page without a bundler finds no packages.
    noExternal: ['fflate'],
    esbuildPlugins: [shared('./errors.js'), withoutCuda],
  },
  { ...common, entry: { errors: 'src/errors.ts' }, format: ['esm', 'cjs'], platform: 'neutral' },
  // What is marked @internal is declared nowhere.
  {
    ...common,
    entry: entries,
    format: ['esm', 'cjs'],
    dts: { only: true, compilerOptions: { stripInternal: true } },
  },
]);
