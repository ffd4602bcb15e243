/**
 * Installs packed packages into an empty folder and uses them from both kinds of module and from the command line:
 * `node scripts/smoke.mjs FILE.tgz …`. Uses only what is built into Node, so that it runs on every version that the package
 * supports.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';

const packages = process.argv.slice(2).map((path) => resolve(path));
if (packages.length === 0) throw new Error('smoke: takes the paths of packed packages');
const folder = mkdtempSync(join(tmpdir(), 'rephase-smoke-'));
try {
  /** @param {string} program @param {string[]} args */
  const run = (program, ...args) => execFileSync(program, args, { cwd: folder, encoding: 'utf8' });
  /** @param {string} name @param {string} text */
  const write = (name, text) => writeFileSync(join(folder, name), text);
  const use = `
    const magnitudes = new Float32Array(64).fill(1);
    retrieve({ magnitudes, shape: [8, 8] }, { iterations: 3, backend: 'wasm' })
      .then(({ object }) => writeImage('image.png', { data: object, shape: [8, 8] }))
      .then(() => readImage('image.png'))
      .then(({ data }) => { if (data.length !== 64) process.exit(1); });`;
  write('package.json', '{ "private": true }');
  run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', ...packages);
  write(
    'module.mjs',
    `import { retrieve } from 'rephase';\nimport { readImage, writeImage } from 'rephase/files';${use}`,
  );
  write(
    'common.cjs',
    `const { retrieve } = require('rephase');\nconst { readImage, writeImage } = require('rephase/files');${use}`,
  );
  run(process.execPath, 'module.mjs');
  run(process.execPath, 'common.cjs');
  run(
    process.execPath,
    join('node_modules', 'rephase', 'dist', 'cli.js'),
    'simulate',
    'image.png',
    '-o',
    'pattern.npy',
  );
  console.log(`smoke: works on Node ${process.versions.node}`);
} finally {
  rmSync(folder, { recursive: true });
}
