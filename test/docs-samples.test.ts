/**
 * Every sample of the documents runs: those in TypeScript as modules that import the package, those of the command line in a
 * shell, those of npm as the scripts behind them. Data are small: numbers from 100 on become 32, long chains are repeated twice,
 * what nobody says how to reconstruct takes little effort, and few iterations where a GPU in software does them. What a sample does not define is data of this size.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { transform } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeNpy } from '../src/formats/index.js';
import { readImage, writeImage } from '../src/formats/files.js';
import { fftshift, simulate, type Shape } from '../src/index.js';
import { noise } from './support/images.js';
import { PROGRAM, execute, temporaryFolder } from './support/program.js';
import { whyNoWebGpu } from './support/webgpu.js';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Below the package, whose modules import it by its name. */
const modules = join(root, 'build/samples');
const folder = temporaryFolder();
const withoutWebGpu = await whyNoWebGpu();
const canRun = ({ text }: Sample) => withoutWebGpu === '' || !text.includes('webgpu');

const SIZE = 32;
const SHAPE: Shape = [SIZE, SIZE];

/**
 * The scripts that end by themselves. `npm test` is what runs here, and demo-page.test.ts opens the page of `npm run demo`, which
 * would be served until it is stopped.
 */
const DEMOS: Record<string, string[]> = {
  start: ['demo.mjs', '--effort', 'quick'],
  'run demo:ptycho': ['demo-ptycho.mjs', '--iterations', '20'],
};

interface Sample {
  name: string;
  language: string;
  text: string;
}

const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const samples = documents.flatMap((path): Sample[] => {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```/gm)].map(([, language, code], i) => ({
    name: `${path}, sample ${i + 1}`,
    language,
    text: code,
  }));
});
const programs = samples.filter(({ language }) => language === 'ts' || language === 'js');
const isCommonJs = ({ text }: Sample) => text.includes('require(');
const inPython = samples.filter(({ language }) => language === 'python');
const demos = new Set(
  samples.flatMap(({ text }) => [...text.matchAll(/^npm (start|run [\w:]+)/gm)].map(([, command]) => command)),
);
const shells = samples.filter(
  ({ language, text }) => ['', 'sh', 'bash'].includes(language) && /^(npx )?rephase /m.test(text),
);

/** What is around every module: a problem, a scan, and a canvas for functions that it exports. */
const PRELUDE = `
import { simulate, simulateScan } from 'rephase';
import { readImage } from 'rephase/files';
const { data: photo } = await readImage('photo.png');
const problem = await simulate({ image: photo, shape: [16, 16], photons: 1e6 });
const mask = new Uint8Array(${SIZE ** 2}).fill(1);
const image = new Float32Array(${SIZE ** 2});
for (let row = 0; row < 16; row++) image.set(photo.subarray(16 * row, 16 * row + 16), ${SIZE} * row);
const object = { data: Float64Array.from({ length: 2 * 48 * 48 }, (_, i) => (i % 2 ? 0 : 1 + (i % 7))), shape: [48, 48] };
const probe = Float64Array.from({ length: 2 * ${SIZE ** 2} }, (_, i) => (i % 2 ? 0 : 1));
const positions = Float64Array.of(0, 0, 0, 8, 8, 0, 8, 8);
const { patterns } = await simulateScan({ object, probe, shape: [${SIZE}, ${SIZE}], positions });
const inObject = image.map(Math.sqrt);
Object.assign(globalThis, { problem, ...problem, mask, image, inObject, target: image, patterns, positions, probe });
if (process.env.WEBGPU) {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) } });
}
`;
const CALLS = `
const pixels = { data: new Uint8ClampedArray(4 * ${SIZE ** 2}) };
const canvas = { getContext: () => ({ createImageData: () => pixels, putImageData() {} }) };
for (const run of Object.values(await import(process.argv[2]))) await run(problem, canvas);
`;

const smaller = (text: string) =>
  text
    .replace(/(?<![\d.e-])\d{3,}(?![\d.])/g, String(SIZE))
    .replace(/\)\*[2-9]\d\b/g, ')*2')
    .replace(/rephase reconstruct (?=.*--backend webgpu)/g, '$&--iterations 20 ')
    .replace(/rephase reconstruct (?!.*--(?:chain|effort|iterations|generations))/g, '$&--effort quick ')
    .replace(/rephase bench(?!.*--sizes)/g, `$& --sizes 16,${SIZE}`)
    .replace(/rephase validate(?!.*--size)/g, `$& --size ${SIZE}`)
    .replace('--scan 16x16', `--scan 4x4 --detector ${SIZE}x${SIZE}`);

beforeAll(async () => {
  rmSync(modules, { recursive: true, force: true });
  mkdirSync(modules, { recursive: true });
  writeFileSync(join(modules, 'prelude.mjs'), PRELUDE);
  writeFileSync(join(modules, 'calls.mjs'), CALLS);
  for (const name of ['photo.png', 'spots.png']) {
    await writeImage(folder.at(name), { data: noise(256, 1), shape: [16, 16] });
  }
  const { data, shape } = await readImage(folder.at('photo.png'));
  const { magnitudes, support } = await simulate({ image: data, shape, photons: 1e6 });
  folder.write('pattern.npy', encodeNpy(magnitudes, SHAPE));
  folder.write('support.npy', encodeNpy(support, SHAPE));
  // What a file is is told by its content.
  const counts = encodeNpy(
    fftshift(magnitudes, SHAPE).map((magnitude) => magnitude ** 2),
    SHAPE,
  );
  for (const name of ['counts.h5', 'detector.cxi']) folder.write(name, counts);
  folder.write('scan.cxi', readFileSync(join(root, 'test/fixtures/scan-cdtools.h5')));
  folder.write('patterns.npy', encodeNpy(noise(4 * SIZE ** 2, 2), [4, ...SHAPE]));
  folder.write('stage.csv', 'y,x\n0,0\n0,1e-6\n1e-6,0\n1e-6,1e-6\n');
});

afterAll(() => {
  folder.remove();
  rmSync(modules, { recursive: true, force: true });
});

const env = { REPHASE_BACKEND: 'wasm', PROGRAM, NODE: process.execPath, SLURM_ARRAY_TASK_ID: '0' };
/** `bench` and `validate` take every backend that there is, and a GPU in software takes many minutes. */
const noGpu = { VK_ICD_FILENAMES: '/dev/null', CUDA_VISIBLE_DEVICES: '' };

describe('in TypeScript', () => {
  it.each(programs.filter((sample) => canRun(sample) && !isCommonJs(sample)))('$name', async ({ name, text }) => {
    const file = join(modules, `${name.replace(/\W+/g, '-')}.mjs`);
    const { code: script } = await transform(smaller(text), { loader: 'ts', target: 'es2022' });
    writeFileSync(file, script);
    const usesWebGpu = text.includes('webgpu');
    const { code, stderr } = await execute(
      process.execPath,
      ['--import', join(modules, 'prelude.mjs'), join(modules, 'calls.mjs'), file],
      { cwd: folder.path, env: { ...env, ...(usesWebGpu && { REPHASE_BACKEND: '', WEBGPU: '1' }) } },
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it.each(programs.filter(isCommonJs))('$name', async ({ name, text }) => {
    const file = join(modules, `${name.replace(/\W+/g, '-')}.cjs`);
    writeFileSync(file, text);
    const { code, stderr } = await execute(process.execPath, [file], {});
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('on the command line', () => {
  it.each(shells.filter(canRun))('$name', async ({ language, text }) => {
    const lines = text.replaceAll('\\\n', ' ').split('\n');
    const run = language === '' ? lines.filter((line) => line.startsWith('npx rephase')) : lines;
    const script = `set -e\nrephase() { "$NODE" "$PROGRAM" "$@"; }\nnpx() { "$@"; }\n${smaller(run.join('\n'))}`;
    const where = text.includes('webgpu') ? env : { ...env, ...noGpu };
    const { code, stderr } = await execute('bash', ['-c', script], { cwd: folder.path, env: where });
    expect(code, stderr).toBe(0);
  });
});

describe('in Python, of files that the command line has written', () => {
  const hasH5py = spawnSync('python3', ['-c', 'import h5py']).status === 0;
  it.skipIf(!hasH5py).each(inPython)(`$name${hasH5py ? '' : ' (skipped: there is no h5py)'}`, async ({ text }) => {
    const { code, stderr } = await execute('python3', ['-c', text], { cwd: folder.path });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});

describe('of npm', () => {
  it('is a script', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    expect([...demos].filter((command) => !(command.replace('run ', '') in scripts))).toEqual([]);
    expect([...demos].sort()).toEqual([...Object.keys(DEMOS), 'run demo'].sort());
  });

  it.each(Object.entries(DEMOS))('npm %s', async (_, [script, ...options]) => {
    const { code, stdout, stderr } = await execute(process.execPath, [join(root, 'scripts', script), ...options], {
      env,
    });
    expect(code, stderr).toBe(0);
    expect(Number(/error +([\d.]+) %/.exec(stdout)![1])).toBeLessThan(10);
  });
});
