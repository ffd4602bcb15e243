/** The package as users get it: packed, installed into an empty folder, imported both ways, bundled, and its program run. */
import { copyFileSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execute, temporaryFolder } from './support/program.js';

const folder = temporaryFolder();
const root = fileURLToPath(new URL('..', import.meta.url));
let packed: { size: number; unpackedSize: number; files: { path: string; size: number }[] };

/** Bytes, with room for a tenth more than there are. */
const BUDGET = { packed: 1_300_000, unpacked: 3_790_000, browser: 308_000 };

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

/** The names of what `npm run pack:release` made, one for each package. */
let tarballs: string[];

beforeAll(async () => {
  // Stands in for the CUDA addon, which not every machine can build: what matters is where it is found.
  folder.write('addon.node', 'not a library');
  const out = folder.at('packages');
  const pack = ['scripts/pack-release.mjs', '--addon', folder.at('addon.node'), '--out', out];
  await succeed(process.execPath, pack, root);
  tarballs = readdirSync(out).filter((name) => name.endsWith('.tgz'));
  const dry = ['pack', '--dry-run', '--ignore-scripts', '--json'];
  [packed] = JSON.parse(await succeed('npm', dry, folder.at('packages/rephase'))) as (typeof packed)[];
  folder.write('package.json', '{ "private": true }');
  const paths = tarballs.map((name) => `./packages/${name}`);
  await succeed('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...paths]);
}, 300_000);

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

  it('holds what is built and the documents that npm shows, and nothing else', () => {
    const others = packed.files.map(({ path }) => path).filter((path) => !path.startsWith('dist/'));
    expect(others.sort()).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json']);
  });

  it('keeps to its budget of bytes', () => {
    expect(packed.size, 'packed').toBeLessThan(BUDGET.packed);
    expect(packed.unpackedSize, 'unpacked').toBeLessThan(BUDGET.unpacked);
    const browser = ['index.browser.js', 'errors.js'].map((name) => readFileSync(join(root, 'dist', name)));
    const gzipped = browser.reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0);
    expect(gzipped, 'gzipped, in browsers').toBeLessThan(BUDGET.browser);
  });

  it('imports no package in browsers, which find none without a bundler', () => {
    const text = readFileSync(join(root, 'dist/index.browser.js'), 'utf8');
    const imports = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom ['"]([^'"]+)['"]/gm)].map(([, from]) => from);
    expect(new Set(imports)).toEqual(new Set(['./errors.js']));
  });

  it('has one copy of each class for all of its entries', async () => {
    const check = `
      const classes = Object.entries(rephase).filter(([name]) => /^[A-Z].*Error$/.test(name));
      const attempts = [() => formats.decodeImage(new Uint8Array(3)), () => formats.decodeImage(3),
        () => files.readImage('missing.png'), () => files.writeImage('x.gif', {}),
        () => rephase.retrieve({}), () => rephase.simulate({})];
      Promise.all(attempts.map((attempt) => attempt().catch((error) => {
        const same = classes.filter(([, type]) => error.constructor === type).map(([name]) => name);
        return same + ' ' + (error instanceof rephase.RephaseError);
      }))).then((found) => console.log(classes.length, found.join(', ')));`;
    const entries = { rephase: 'rephase', formats: 'rephase/formats', files: 'rephase/files' };
    const lines = (how: (name: string, path: string) => string) =>
      Object.entries(entries)
        .map(([name, path]) => how(name, path))
        .join('\n');
    folder.write('classes.mjs', lines((name, path) => `import * as ${name} from '${path}';`) + check);
    folder.write('classes.cjs', lines((name, path) => `const ${name} = require('${path}');`) + check);
    const expected =
      '11 FileFormatError true, InvalidArgumentError true, FileAccessError true, InvalidArgumentError true, ' +
      'InvalidArgumentError true, InvalidArgumentError true\n';
    expect(await succeed(process.execPath, ['classes.mjs'])).toBe(expected);
    expect(await succeed(process.execPath, ['classes.cjs'])).toBe(expected);
    // What a browser loads, by the paths that a bundler resolves them to.
    const dist = (name: string) => JSON.stringify(pathToFileURL(folder.at(`node_modules/rephase/dist/${name}`)).href);
    folder.write(
      'browser.mjs',
      `import * as rephase from ${dist('index.browser.js')};
      import * as formats from ${dist('formats.js')};
      formats.decodeImage(new Uint8Array(3)).catch((error) => console.log(error instanceof rephase.FileFormatError));`,
    );
    expect(await succeed(process.execPath, ['browser.mjs'])).toBe('true\n');
  });

  it.runIf(process.platform === 'linux' && process.arch === 'x64')('finds the addon in its own package', async () => {
    expect(tarballs).toHaveLength(2);
    folder.write(
      'addon.mjs',
      `import { listBackends } from 'rephase';
      console.log((await listBackends()).find(({ name }) => name === 'cuda').reason);`,
    );
    // It is found, and being no library it cannot be loaded.
    expect(await succeed(process.execPath, ['addon.mjs'])).toMatch(/cuda-linux-x64.rephase_cuda\.node/);
  });

  it.each(['mjs', 'cjs'])(
    'works in a bundle (.%s), which still finds what is loaded at run time',
    async (extension) => {
      // It stands for the optional package, whose binaries are large.
      mkdirSync(folder.at('node_modules/webgpu'), { recursive: true });
      folder.write('node_modules/webgpu/package.json', '{ "type": "module", "exports": "./index.js" }');
      folder.write('node_modules/webgpu/index.js', "throw new Error('webgpu is found');");
      folder.write(
        'bundled.mjs',
        `import { listBackends, retrieve } from 'rephase';
      listBackends().then((all) => console.log(all.map(({ reason }) => reason).join('; ')));${RETRIEVE}`,
      );
      const out = `bundle/main.${extension}`;
      const format = extension === 'mjs' ? 'esm' : 'cjs';
      const options = ['--bundle', '--platform=node', `--format=${format}`, `--outfile=${out}`, '--log-level=error'];
      await succeed(join(root, 'node_modules/.bin/esbuild'), ['bundled.mjs', ...options]);
      const said = await succeed(process.execPath, [out]);
      rmSync(folder.at('node_modules/webgpu'), { recursive: true });
      expect(said).toContain('64 wasm\n');
      expect(said).toContain('webgpu is found');
      if (`${process.platform}-${process.arch}` === 'linux-x64')
        expect(said).toMatch(/cuda-linux-x64.rephase_cuda\.node/);
    },
  );

  it('says what is missing where the addon is not installed', async () => {
    const moved = folder.at('elsewhere');
    renameSync(folder.at('node_modules/@rephase'), moved);
    folder.write(
      'none.mjs',
      `import { listBackends } from 'rephase';
      console.log((await listBackends()).find(({ name }) => name === 'cuda').reason);`,
    );
    const said = await succeed(process.execPath, ['none.mjs']);
    renameSync(moved, folder.at('node_modules/@rephase'));
    expect(said).toContain('@rephase/cuda-linux-x64 is not installed');
  });

  it('opens an HDF5 file from both kinds of module', async () => {
    copyFileSync(join(root, 'test/fixtures/gzip.h5'), folder.at('gzip.h5'));
    const read = `readImage('gzip.h5').then(({ shape }) => console.log(shape.length));`;
    folder.write('hdf5.mjs', `import { readImage } from 'rephase/files';${read}`);
    folder.write('hdf5.cjs', `const { readImage } = require('rephase/files');${read}`);
    expect(await succeed(process.execPath, ['hdf5.mjs'])).toBe('2\n');
    expect(await succeed(process.execPath, ['hdf5.cjs'])).toBe('2\n');
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

  it.each([
    ['nodenext', ['types.mts', 'types.cts']],
    ['bundler', ['types.mts']],
  ])('has types that the strictest settings take, resolved as %s', async (resolution, names) => {
    for (const name of names) copyFileSync(join(root, 'test/types/library.ts'), folder.at(name));
    const options = [
      ...['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false', '--target', 'es2022'],
      ...['--lib', 'es2023,esnext.disposable,dom'],
      ...['--module', resolution === 'bundler' ? 'esnext' : 'nodenext', '--moduleResolution', resolution],
    ];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    await succeed(process.execPath, [tsc, ...options, ...names]);
  });
});
