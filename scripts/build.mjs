/**
 * Builds everything under dist/, in four steps: core and exports to rephase.wasm, the module as base64 and the worker's
 * program as a string into backends/wasm/generated/, then the packages with tsup. A step is skipped when nothing it reads
 * is newer than what it wrote, so that a second build takes no time. `--force` builds all of it. `--lines` builds the
 * module of single transforms instead, which only tests and benchmarks load.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const force = process.argv.includes('--force');

const WASM = 'build/wasm/rephase.wasm';
const LINES = 'build/wasm/lines.wasm';
const CPP = /\.(cpp|hpp)$/;
const BINARY = 'backends/wasm/generated/binary.ts';
const WORKER = 'backends/wasm/generated/worker-source.ts';
mkdirSync('backends/wasm/generated', { recursive: true });

if (process.argv.includes('--lines')) {
  step(LINES, newest(['core', 'bench/native'], CPP, ['CMakeLists.txt']), () => buildWasm(LINES, 'lines'));
  process.exit();
}
step(WASM, newest(['core', 'backends/wasm'], CPP, ['CMakeLists.txt']), () => buildWasm(WASM, 'rephase_wasm'));
step(BINARY, newest([], /^$/, [WASM, 'scripts/build.mjs']), writeBinary);
const sources = newest(['src', 'backends'], /(?<!worker-source)\.ts$/, ['package.json']);
await step(WORKER, sources, bundleWorker);
step('dist/index.js', newest(['src', 'backends'], /\.ts$/, ['package.json', 'tsup.config.ts', 'tsconfig.json']), () => {
  // Not tsup's --clean: its configurations run side by side, and each would remove what another has just written.
  rmSync('dist', { recursive: true, force: true });
  run(process.execPath, ['node_modules/tsup/dist/cli-default.js', '--silent']);
  writeLicences();
});

/**
 * @param {string} output
 * @param {string} target
 */
function buildWasm(output, target) {
  run('emcmake', ['cmake', '-S', '.', '-B', 'build/wasm', '-DCMAKE_BUILD_TYPE=Release']);
  run('cmake', ['--build', 'build/wasm', '--parallel', '--target', target]);
  // Unchanged by this build, if only a comment was: its time must still say that it is up to date.
  writeFileSync(output, readFileSync(output));
}

function writeBinary() {
  const binary = readFileSync(WASM);
  const functions = WebAssembly.Module.exports(new WebAssembly.Module(binary)).filter(
    ({ kind }) => kind === 'function',
  );
  const names = functions.map(({ name }) => `'${name}'`).join(' | ');
  writeFileSync(
    BINARY,
    `/** rephase.wasm, deflated, and the names of its functions, made by scripts/build.mjs. */\n` +
      `export const WASM_BASE64 = '${deflateRawSync(binary, { level: 9 }).toString('base64')}';\nexport type ExportName = ${names};\n`,
  );
}

/** The worker starts from a string: a script that needs no file and no bundler's help, in Node and in browsers alike. */
async function bundleWorker() {
  const result = await build({
    entryPoints: ['backends/wasm/worker.ts'],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'neutral',
    external: ['node:*'],
    target: 'es2022',
    minify: true,
    legalComments: 'none',
  });
  const source = JSON.stringify(result.outputFiles[0].text);
  writeFileSync(
    WORKER,
    `/** The worker's program, made by scripts/build.mjs. */\nexport const WORKER_SOURCE = ${source};\n`,
  );
}

/** The licence of what dist/ contains of others: the plotting library in the command line. */
function writeLicences() {
  const texts = { uplot: 'LICENSE' };
  const parts = Object.entries(texts).map(([name, file]) => {
    const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
    return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/${file}`, 'utf8').trim()}\n`;
  });
  writeFileSync('dist/THIRD-PARTY-LICENSES.txt', parts.join(`\n${'-'.repeat(80)}\n\n`));
}

/**
 * Runs `make` unless `output` is newer than its inputs.
 * @param {string} output
 * @param {number} inputsChanged milliseconds since 1970
 * @param {() => void | Promise<void>} make
 */
function step(output, inputsChanged, make) {
  if (!force && existsSync(output) && statSync(output).mtimeMs >= inputsChanged) return;
  console.log(`build: ${output}`);
  return make();
}

/**
 * When the newest of these files changed: those under `folders` whose path matches, and `files`.
 * @param {string[]} folders
 * @param {RegExp} pattern
 * @param {string[]} files
 */
function newest(folders, pattern, files) {
  let time = 0;
  for (const folder of folders) {
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      if (pattern.test(name)) time = Math.max(time, statSync(join(folder, name)).mtimeMs);
    }
  }
  for (const file of files) time = Math.max(time, statSync(file).mtimeMs);
  return time;
}

/**
 * @param {string} program
 * @param {string[]} args
 */
function run(program, args) {
  const { status, error } = spawnSync(program, args, { stdio: 'inherit' });
  if (status === 0) return;
  console.error(`build: \`${program} ${args.join(' ')}\` failed${error ? `: ${error.message}` : ''}`);
  process.exit(1);
}
