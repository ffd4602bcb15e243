/** Builds the page into build/demo-page/, from the library as it is published. Its files may lie in any folder of a server. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

/** @param {string} path */
const file = (path) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  root: file('.'),
  base: './',
  resolve: {
    alias: [
      { find: /^rephase$/, replacement: file('../../dist/index.browser.js') },
      { find: /^rephase\/formats$/, replacement: file('../../dist/formats.js') },
    ],
  },
  worker: { format: 'es' },
  build: { outDir: file('../../build/demo-page'), emptyOutDir: true, target: 'es2022' },
});
