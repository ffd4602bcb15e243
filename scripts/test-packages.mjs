/**
 * `npm run test:packages`: packs what is published, installs it into fresh projects of other tools, and builds and runs a
 * small reconstruction in each. Writes the table of results to docs/bundlers.md. `--only NAME,…` runs some projects and
 * leaves the document as it is; `--keep` leaves the folder. A tool that cannot be installed counts as skipped.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { fill, table } from '../bench/markdown.mjs';

const { values } = parseArgs({ options: { only: { type: 'string' }, keep: { type: 'boolean' } } });
const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'rephase-packages-'));

const LIBRARY = `const image = Float32Array.from({ length: 256 }, (_, i) => 1 + ((i * 7) % 13));
async function reconstruct() {
  const pattern = await simulate({ image, shape: [16, 16] });
  const { feasible, backend } = await retrieve(pattern, { algorithm: 'hio', iterations: 50, seed: 1, backend: 'wasm' });
  const sum = feasible.reduce((total, value) => total + value, 0);
  return 'rephase:' + backend + ':' + feasible.length + ':' + (Math.abs(sum - image.reduce((a, b) => a + b)) < 20 ? 'right' : sum);
}`;
const EXPECTED = 'rephase:wasm:1024:right';
const ESM = `import { retrieve, simulate } from 'rephase';\n${LIBRARY}\n`;
const CJS = `const { retrieve, simulate } = require('rephase');\n${LIBRARY}\n`;
const PRINT = 'reconstruct().then(console.log);';
const SHOW =
  'reconstruct().then((text) => { document.title = text; }, (error) => { document.title = String(error); });';
/** Prints whether the addon is found: the stand-in is there, and the reason is one line that says it cannot be loaded. */
const ADDON = `import { listBackends } from 'rephase';
listBackends().then((all) => console.log('addon:' + /^.*rephase_cuda\\.node.*$/.test(all.find(({ name }) => name === 'cuda').reason)));`;
const PAGE = '<!doctype html><script type="module" src="main.js"></script>';
const TEST = (/** @type {string} */ head) => `${head}
  test('rephase', async () => { expect(await reconstruct()).toBe('${EXPECTED}'); });`;
const FORMATS_TEST = `const { decodeImage, encodeImage } = require('rephase/formats');
  test('formats', async () => {
    const bytes = await encodeImage({ data: new Float32Array(4).fill(1), shape: [2, 2] }, 'png');
    expect((await decodeImage(bytes)).shape).toEqual([2, 2]);
  });`;
const TS_OPTIONS =
  '--noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false --target es2022 --lib es2023,esnext.disposable,dom';
const TS = `import { createSession, retrieve, type Reconstruction } from 'rephase';
  import { readImage } from 'rephase/files';
  export async function main(): Promise<Reconstruction> {
    const { data, shape } = await readImage('pattern.npy');
    using session = await createSession({ magnitudes: data, shape, support: undefined });
    session.step();
    return retrieve({ magnitudes: data, shape }, { beta: undefined });
  }`;
const WEBPACK = (/** @type {string} */ more) => `module.exports = { mode: 'production', ${more} };`;

/**
 * @typedef {object} Project
 * @property {string[]} [packages]
 * @property {Record<string, string>} files
 * @property {string[]} run commands
 * @property {string[]} [says] what the last command prints besides
 * @property {string} [page] the folder, or the address, that a browser opens
 * @property {string} [server] the command that serves the address
 * @property {string} [api] an address that answers with what the server has computed
 * @property {string} [installer] replaces npm
 * @property {string} [version] the command that prints the version of what is not in `packages`
 * @property {string} [needs] what to write in the tool's settings
 */
const nodeBundle = { 'main.mjs': `${ESM}${PRINT}`, 'addon.mjs': ADDON };
const addonFound = ['addon:true'];
/** npm has Node itself as a package. @param {string} major @returns {Project} */
const node = (major) => ({
  packages: [`node@${major}`],
  files: { ...nodeBundle, 'main.cjs': `${CJS}${PRINT}` },
  run: [`npx node main.cjs | grep ${EXPECTED}`, 'npx node addon.mjs && npx node main.mjs'],
  says: addonFound,
});
/** @type {Record<string, Project>} */
const PROJECTS = {
  ...Object.fromEntries(['20', '22', '24'].map((major) => [`Node ${major}`, node(major)])),
  'TypeScript, nodenext': {
    packages: ['typescript@5.9', '@types/node@20', '@webgpu/types'],
    files: { 'main.mts': TS, 'main.cts': TS },
    run: [`npx tsc --module nodenext ${TS_OPTIONS} main.mts main.cts && echo ${EXPECTED}`],
  },
  'TypeScript, bundler': {
    packages: ['typescript@5.9', '@types/node@20'],
    files: { 'main.mts': TS },
    run: [`npx tsc --module esnext --moduleResolution bundler ${TS_OPTIONS} main.mts && echo ${EXPECTED}`],
  },
  'esbuild for Node, ES module': {
    packages: ['esbuild'],
    files: nodeBundle,
    run: [
      'npx esbuild addon.mjs main.mjs --bundle --platform=node --format=esm --outdir=out --out-extension:.js=.mjs',
      'node out/addon.mjs && node out/main.mjs',
    ],
    says: addonFound,
  },
  'esbuild for Node, CommonJS': {
    packages: ['esbuild'],
    files: nodeBundle,
    run: [
      'npx esbuild addon.mjs main.mjs --bundle --platform=node --format=cjs --outdir=out --out-extension:.js=.cjs',
      'node out/addon.cjs && node out/main.cjs',
    ],
    says: addonFound,
  },
  'esbuild for browsers': {
    packages: ['esbuild'],
    files: { 'main.mjs': `${ESM}${SHOW}`, 'out/index.html': PAGE },
    run: ['npx esbuild main.mjs --bundle --format=esm --outfile=out/main.js'],
    page: 'out',
  },
  'webpack for Node': {
    packages: ['webpack', 'webpack-cli'],
    files: {
      'main.js': `${ESM}${PRINT}`,
      'addon.js': ADDON,
      'webpack.config.cjs': WEBPACK("entry: { main: './main.js', addon: './addon.js' }, target: 'node20'"),
    },
    run: ['npx webpack', 'node dist/addon.js && node dist/main.js'],
    says: addonFound,
  },
  'webpack for browsers': {
    packages: ['webpack', 'webpack-cli'],
    files: { 'main.js': `${ESM}${SHOW}`, 'webpack.config.cjs': WEBPACK("entry: './main.js'"), 'dist/index.html': PAGE },
    run: ['npx webpack'],
    page: 'dist',
  },
  'rollup for Node': {
    packages: ['rollup', '@rollup/plugin-node-resolve', '@rollup/plugin-commonjs'],
    files: nodeBundle,
    run: [
      'npx rollup addon.mjs main.mjs -p node-resolve={exportConditions:[\\"node\\"]} -p commonjs -d out --entryFileNames [name].mjs --chunkFileNames [name].mjs',
      'node out/addon.mjs && node out/main.mjs',
    ],
    says: addonFound,
  },
  'Vite, build': {
    packages: ['vite'],
    files: { 'main.js': `${ESM}${SHOW}`, 'index.html': PAGE.replace('main.js', '/main.js') },
    run: ['npx vite build --base ./'],
    page: 'dist',
  },
  'Vite, development server': {
    packages: ['vite'],
    files: { 'main.js': `${ESM}${SHOW}`, 'index.html': PAGE.replace('main.js', '/main.js') },
    run: [],
    page: 'http://localhost:5199',
    server: 'npx vite --port 5199 --strictPort',
  },
  'Vite, server side': {
    packages: ['vite'],
    files: { 'main.js': `${ESM}${PRINT}` },
    run: ['npx vite build --ssr main.js', 'node dist/main.*'],
  },
  Parcel: {
    packages: ['parcel'],
    files: { 'main.js': `${ESM}${SHOW}`, 'index.html': PAGE },
    run: ['npx parcel build index.html --public-url ./'],
    page: 'dist',
  },
  'Next.js, Turbopack': {
    packages: ['next', 'react', 'react-dom'],
    files: {
      'app/layout.js': 'export default function L({ children }) { return <html><body>{children}</body></html>; }',
      'app/page.js': `'use client';\nimport { useEffect } from 'react';\n${ESM}
        export default function P() { useEffect(() => { ${SHOW} }, []); return <p>rephase</p>; }`,
      'app/api/route.js': `${ESM}\nexport const dynamic = 'force-dynamic';
        export async function GET() { return new Response(await reconstruct()); }`,
    },
    run: ['npx next build'],
    page: 'http://localhost:5198',
    server: 'npx next start -p 5198',
    api: 'http://localhost:5198/api',
  },
  'Jest, node': {
    packages: ['jest'],
    files: { 'a.test.js': TEST(CJS) + FORMATS_TEST },
    run: [`npx jest && echo ${EXPECTED}`],
  },
  'Jest, jsdom': {
    packages: ['jest', 'jest-environment-jsdom'],
    files: {
      'a.test.js': TEST(CJS) + FORMATS_TEST,
      'setup.js':
        "const { TextDecoder, TextEncoder } = require('node:util'); Object.assign(globalThis, { TextDecoder, TextEncoder });",
    },
    run: [`npx jest --env=jsdom --setupFiles=./setup.js && echo ${EXPECTED}`],
    needs: 'a setup file with `TextEncoder` and `TextDecoder`, which jsdom lacks',
  },
  'vitest, forks': {
    packages: ['vitest'],
    files: { 'a.test.mjs': TEST(`import { expect, test } from 'vitest';\n${ESM}`) },
    run: [`npx vitest run --pool forks && echo ${EXPECTED}`],
  },
  'vitest, vmThreads': {
    packages: ['vitest'],
    files: { 'a.test.mjs': TEST(`import { expect, test } from 'vitest';\n${ESM}`) },
    run: [`npx vitest run --pool vmThreads && echo ${EXPECTED}`],
  },
  Bun: {
    packages: ['bun'],
    files: nodeBundle,
    run: ['npx bun addon.mjs && npx bun main.mjs'],
    says: addonFound,
  },
  Deno: {
    packages: ['deno'],
    files: nodeBundle,
    run: [
      'npx deno run -A --node-modules-dir=manual addon.mjs && npx deno run --node-modules-dir=manual --allow-read main.mjs',
    ],
    says: addonFound,
    needs: '`--allow-read`',
  },
  pnpm: {
    files: nodeBundle,
    installer: 'npx -y pnpm add',
    version: 'npx -y pnpm --version',
    run: ['node addon.mjs && node main.mjs'],
    says: addonFound,
  },
  'Yarn, Plug’n’Play': {
    files: {
      ...nodeBundle,
      'yarn.lock': '',
      '.yarnrc.yml': 'nodeLinker: pnp\nenableGlobalCache: true\n',
    },
    installer: 'npx -y -p @yarnpkg/cli-dist yarn add',
    version: 'npx -y -p @yarnpkg/cli-dist yarn --version',
    run: ['npx -y -p @yarnpkg/cli-dist yarn node addon.mjs && npx -y -p @yarnpkg/cli-dist yarn node main.mjs'],
    says: addonFound,
  },
};

const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
const env = {
  ...process.env,
  YARN_NPM_REGISTRY_SERVER: registry,
  CI: '1',
  NEXT_TELEMETRY_DISABLED: '1',
  REPHASE_BACKEND: '',
};
/** @param {string} command @param {string} cwd */
function run(command, cwd) {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd, env, encoding: 'utf8', timeout: 300_000 });
  if (status !== 0) throw new Error(`${command}\n${stdout}\n${stderr}`);
  return stdout;
}

/** The packed packages; a file that is no library stands for the addon. */
function pack() {
  const addon = join(folder, 'rephase_cuda.node');
  writeFileSync(addon, 'stands for the addon');
  execFileSync(process.execPath, [join(root, 'scripts/pack-release.mjs'), '--addon', addon], { stdio: 'ignore' });
  const packages = join(root, 'build/packages');
  return readdirSync(packages)
    .filter((name) => name.endsWith('.tgz'))
    .map((name) => join(packages, name));
}

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' };

/** @param {string} path */
function serve(path) {
  const server = createServer(({ url = '/' }, response) => {
    const file = join(path, url === '/' ? 'index.html' : url.split('?')[0]);
    if (!existsSync(file) || !statSync(file).isFile()) return response.writeHead(404).end();
    const type = /** @type {Record<string, string>} */ (TYPES)[extname(file)] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type }).end(readFileSync(file));
  });
  return new Promise((resolve) => server.listen(0, () => resolve(server)));
}

/** The title that a page gets. @param {string} address */
async function titleOf(address) {
  const executablePath = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));
  if (!executablePath) throw new Error('skipped: no Chromium is installed');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    for (let attempt = 0; ; attempt++) {
      try {
        await page.goto(address);
        break;
      } catch (error) {
        if (attempt === 60) throw error;
        await new Promise((resolve) => setTimeout(resolve, 500));
      }
    }
    await page.waitForFunction(() => document.title !== '', undefined, { timeout: 60_000 });
    return await page.title();
  } finally {
    await browser.close();
  }
}

/** What the page, and the server's own side, have computed. @param {string} cwd @param {Project} project */
async function open(cwd, { page = '', server, api }) {
  if (!server) {
    const files = await serve(join(cwd, page));
    const title = await titleOf(`http://localhost:${files.address().port}/`);
    files.close();
    return [title];
  }
  const { pid } = spawn('sh', ['-c', server], { cwd, env, stdio: 'ignore', detached: true });
  try {
    const title = await titleOf(page);
    return api ? [title, await (await fetch(api)).text()] : [title];
  } finally {
    // The server is a group of processes.
    if (pid) process.kill(-pid);
  }
}

/** @param {string} name @param {Project} project @param {string[]} tarballs */
async function attempt(name, project, tarballs) {
  const { packages = [], files, run: commands, says = [], page, installer } = project;
  const cwd = join(folder, name.replace(/\W+/g, '-'));
  mkdirSync(cwd);
  // Neither package is in a registry yet; Yarn would look there for the one that the other asks for.
  const resolutions = { '@rephase/cuda-linux-x64': tarballs.find((path) => path.includes('cuda')) };
  writeFileSync(join(cwd, 'package.json'), JSON.stringify({ private: true, resolutions }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, path)), { recursive: true });
    writeFileSync(join(cwd, path), text);
  }
  try {
    run(
      `${installer ?? 'npm install --no-audit --no-fund --prefer-offline'} ${[...packages, ...tarballs].join(' ')}`,
      cwd,
    );
  } catch (error) {
    return { result: 'skipped', why: `cannot be installed here: ${String(error).slice(-600)}` };
  }
  const version = project.version ? run(project.version, cwd).trim() : versionOf(cwd, packages[0]);
  try {
    const printed = commands.map((command) => run(command, cwd)).at(-1) ?? '';
    for (const said of page ? await open(cwd, project) : [printed]) {
      const missing = [EXPECTED, ...says].find((expected) => !said.includes(expected));
      if (missing) return { result: 'failed', version, why: `says ${said.slice(-600)}, not ${missing}` };
    }
    return { result: 'works', version };
  } catch (error) {
    const why = String(error).slice(0, 1500);
    return { result: why.includes('skipped:') ? 'skipped' : 'failed', version, why };
  } finally {
    if (!values.keep) rmSync(cwd, { recursive: true, force: true });
  }
}

/** @param {string} cwd @param {string} name */
function versionOf(cwd, name) {
  const bare = name.replace(/(.)@.*$/, '$1');
  return JSON.parse(readFileSync(join(cwd, 'node_modules', bare, 'package.json'), 'utf8')).version;
}

const wanted = values.only?.split(',');
const rows = [];
const counts = { works: 0, failed: 0, skipped: 0 };
try {
  const tarballs = pack();
  for (const [name, project] of Object.entries(PROJECTS)) {
    if (wanted && !wanted.some((part) => name.toLowerCase().includes(part.toLowerCase()))) continue;
    const { result, version = '', why } = await attempt(name, project, tarballs);
    counts[/** @type {keyof typeof counts} */ (result)]++;
    rows.push([name, version, result, project.needs ?? 'nothing']);
    console.log(`${result.padEnd(8)} ${name} ${version}${why ? `\n  ${why}` : ''}`);
  }
} finally {
  if (!values.keep) rmSync(folder, { recursive: true, force: true });
}
console.log(`${counts.works} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
if (!wanted) {
  const document = join(root, 'docs/bundlers.md');
  const made = { packages: table([['project', 'version', 'result', 'what it needs'], ...rows], 4) };
  writeFileSync(document, fill(readFileSync(document, 'utf8'), made));
}
process.exitCode = counts.failed > 0 ? 1 : 0;
