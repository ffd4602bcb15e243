/** Builds the page into build/demo-page/, from the library as it is published. Its files may lie in any folder of a server. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** @param {string} path */
const file = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * Leaves out the program of the library's own workers, which only `retrieve` starts: the page has one worker, with sessions.
 * @type {import('vite').Plugin}
 */
const withoutWorkers = {
  name: 'without-workers',
  transform(code, id) {
    if (!id.endsWith('index.browser.js')) return undefined;
    const program = /(?<=\bWORKER_SOURCE = )(["'`]).*\1(?=;$)/m;
    if (!program.test(code)) throw new Error('the library has no WORKER_SOURCE any more');
    return { code: code.replace(program, "''"), map: null };
  },
};

export default defineConfig({
  root: file('.'),
  base: './',
  resolve: {
    alias: [
      { find: /^rephase$/, replacement: file('../../dist/index.browser.js') },
      { find: /^rephase\/formats$/, replacement: file('../../dist/formats.js') },
    ],
  },
  worker: { format: 'es', plugins: () => [withoutWorkers] },
  build: { outDir: file('../../build/demo-page'), emptyOutDir: true, target: 'es2022' },
});
