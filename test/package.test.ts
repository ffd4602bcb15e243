/** The package as users get it: packed, installed into an empty folder, imported both ways, and its program run. */
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { execute, temporaryFolder } from './support/program.js';

const folder = temporaryFolder();
const root = fileURLToPath(new URL('..', import.meta.url));
let contents: string[];

const RETRIEVE = `
  const magnitudes = new Float32Array(64).fill(1);
  retrieve({ magnitudes, shape: [8, 8] }, { iterations: 3 }).then(({ object, backend }) => {
    console.log(object.length, backend);
  });`;

async function succeed(program: string, args: readonly string[], cwd = folder.path): Promise<string> {
  const { code, stdout, stderr } = await execute(program, args, { cwd });
  expect(code, `${program} ${args.join(' ')}\n${stdout}\n${stderr}`).toBe(0);
  return stdout;
}

beforeAll(async () => {
  // Without the build that packing begins with: the tests run after it, and some at the same time as this one.
  const pack = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder.path];
  const [{ filename, files }] = JSON.parse(await succeed('npm', pack, root)) as [
    { filename: string; files: { path: string }[] },
  ];
  contents = files.map(({ path }) => path);
  folder.write('package.json', '{ "private": true }');
  await succeed('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${filename}`]);
}, 120_000);

afterAll(() => folder.remove());

describe('the package', () => {
  it('offers the same names to both kinds of module', async () => {
    for (const entry of ['rephase', 'rephase/formats', 'rephase/files']) {
      folder.write('names.mjs', `console.log(Object.keys(await import('${entry}')).sort().join());`);
      folder.write('names.cjs', `console.log(Object.keys(require('${entry}')).sort().join());`);
      const names = await succeed(process.execPath, ['names.mjs']);
      expect(await succeed(process.execPath, ['names.cjs'])).toBe(names);
      expect(names.length).toBeGreaterThan(1);
    }
  });

  it('holds what is built, the README and the licence, and nothing else', () => {
    const others = contents.filter((path) => !/^(dist|prebuilds)\//.test(path)).sort();
    expect(others).toEqual(['LICENSE', 'README.md', 'package.json']);
  });

  it('runs nothing when it is installed', async () => {
    const { scripts = {} } = JSON.parse(await succeed('npm', ['pkg', 'get', 'scripts', '--json'], root)) as {
      scripts?: Record<string, string>;
    };
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
  });

  it('works from an ES module', async () => {
    folder.write('module.mjs', `import { retrieve } from 'rephase';${RETRIEVE}`);
    expect(await succeed(process.execPath, ['module.mjs'])).toBe('64 wasm\n');
  });

  it('works from CommonJS', async () => {
    folder.write('common.cjs', `const { retrieve } = require('rephase');${RETRIEVE}`);
    expect(await succeed(process.execPath, ['common.cjs'])).toBe('64 wasm\n');
  });

  it('runs its program, with everything that reading, writing and the report need', async () => {
    const bin = folder.at('node_modules/.bin/rephase');
    folder.write(
      'image.mjs',
      `import { writeImage } from 'rephase/files';
      await writeImage('image.png', { data: Float32Array.from({ length: 64 }, (_, at) => at), shape: [8, 8] });`,
    );
    await succeed(process.execPath, ['image.mjs']);
    await succeed(bin, ['simulate', 'image.png', '-o', 'pattern.npy']);
    const run = ['--support', '8x8', '--iterations', '10', '--report', 'run.html'];
    expect(await succeed(bin, ['reconstruct', 'pattern.npy', '-o', 'out.tiff', ...run])).toContain(
      'wrote out.tiff, run.html',
    );
  });

  it('has types for all of it, in both kinds of module', async () => {
    const source = `import { retrieve, type Reconstruction } from 'rephase';
      import { decodeImage } from 'rephase/formats';
      import { readImage } from 'rephase/files';
      export const image: Promise<{ shape: readonly number[] }>[] = [readImage('x'), decodeImage(new Uint8Array())];
      export const run: Promise<Reconstruction> = retrieve({ magnitudes: new Float32Array(1), shape: [1, 1] });\n`;
    folder.write('types.mts', source);
    folder.write('types.cts', source);
    const options = [
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable,dom',
    ];
    const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
    await succeed(process.execPath, [tsc, ...options, 'types.mts', 'types.cts']);
  });
});
