/**
 * Packs what is released into build/packages: `rephase`, and the CUDA addon as `@rephase/cuda-linux-x64`, which npm installs
 * on that platform only. `rephase` depends on it optionally and in this very version, but only its packed package.json says
 * so: npm looks up each dependency of a clone's package.json, and fails where the version is not published yet. `--addon
 * FILE` takes another file than prebuilds/linux-x64/rephase_cuda.node.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const { values } = parseArgs({
  options: {
    addon: { type: 'string', default: 'prebuilds/linux-x64/rephase_cuda.node' },
    out: { type: 'string', default: 'build/packages' },
  },
});
const { addon, out } = values;
if (!existsSync(addon)) fail(`${addon} is not there; \`npm run build:cuda\` builds it`);

const own = JSON.parse(readFileSync('package.json', 'utf8'));
const { version, author, homepage, repository, bugs, license, engines } = own;
const NAME = '@rephase/cuda-linux-x64';

rmSync(out, { recursive: true, force: true });
mkdirSync(`${out}/cuda/`, { recursive: true });
copyFileSync(addon, `${out}/cuda/rephase_cuda.node`);
copyFileSync('LICENSE', `${out}/cuda/LICENSE`);
writeFileSync(
  `${out}/cuda/README.md`,
  `The CUDA addon of [rephase](${homepage}), which installs it where it can be used.\n`,
);
writeJson(`${out}/cuda/package.json`, {
  ...{ name: NAME, version, description: 'The CUDA addon of rephase, for Linux on x64 with glibc' },
  ...{ author, homepage, repository, bugs, license, engines },
  ...{ main: 'rephase_cuda.node', files: ['rephase_cuda.node'] },
  ...{ os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
  publishConfig: { access: 'public' },
});

const files = [...own.files, 'README.md', 'LICENSE'];
for (const file of files) cpSync(file, `${out}/rephase/${file}`, { recursive: true });
const { scripts: _scripts, devDependencies: _dev, overrides: _overrides, ...released } = own;
writeJson(`${out}/rephase/package.json`, { ...released, optionalDependencies: { [NAME]: version } });

for (const folder of ['cuda', 'rephase']) {
  const args = ['pack', resolve(out, folder), '--silent', '--ignore-scripts', '--pack-destination', out];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) fail(`npm ${args.join(' ')} failed`);
}

/** @param {string} path @param {object} value */
function writeJson(path, value) {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`pack-release: ${message}`);
  process.exit(1);
}
