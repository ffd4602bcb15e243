/**
 * Makes a fresh clone ready: npm's packages, and the programs of Debian's that the build calls; with `--for test` also
 * those that the tests call. Installs what is missing when run as root on a Debian, and otherwise prints the one command
 * that does. Uses only what is built into Node, because it runs before anything is installed; checks files instead of
 * starting programs, because it runs before every start and test.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const forTest = process.argv.slice(2).join(' ') === '--for test';

/** @type {{ package: string, why: string, present: () => boolean }[]} */
const BUILD = [
  { package: 'make', why: 'is called by cmake', present: () => onPath('make') },
  { package: 'cmake', why: 'builds the core', present: () => onPath('cmake') },
  { package: 'emscripten', why: 'compiles the core to WebAssembly', present: () => onPath('em++') },
];

/** @type {typeof BUILD} */
const TEST = [
  { package: 'g++', why: 'compiles the core for its own tests', present: () => onPath('g++') },
  { package: 'clang-format', why: 'checks the format of C++', present: () => onPath('clang-format') },
  { package: 'chromium', why: 'is the browser that tests run in', present: () => onPath('chromium') },
  {
    package: 'libvulkan1',
    why: 'lets that browser run WebGPU in software',
    present: () => hasLibrary('libvulkan.so.1'),
  },
];

checkNode();
installDebianPackages([...BUILD, ...(forTest ? TEST : [])].filter((needed) => !needed.present()));
if (!packagesAreCurrent()) {
  console.log('setup: npm ci');
  run('npm', ['ci', '--no-audit', '--no-fund']);
}

/** The package, its build and its demo run on Node 20.17; eslint and vitest, which the tests need, do not. */
function checkNode() {
  const oldest = forTest ? 19 : 17;
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= oldest)) return;
  const tests = forTest
    ? "rephase's tests take Node 20.19 or later, and all else 20.17"
    : 'rephase takes Node 20.17 or later';
  fail(`this is Node ${process.versions.node}; ${tests}`);
}

/** @param {typeof BUILD} missing */
function installDebianPackages(missing) {
  if (missing.length === 0) return;
  const names = missing.map((needed) => needed.package);
  for (const needed of missing) console.log(`setup: ${needed.package} is missing; it ${needed.why}`);
  const install = ['install', '-y', '--no-install-recommends', ...names];
  if (process.getuid?.() !== 0 || !onPath('apt-get')) {
    const how = onPath('apt-get')
      ? `run this, then try again:\n\n  sudo apt-get update && sudo apt-get ${install.join(' ')}\n`
      : `install them with this system's package manager, then try again (Debian calls them: ${names.join(' ')})`;
    fail(how);
  }
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-q'], environment);
  run('apt-get', ['-q', ...install], environment);
  const still = missing.filter((needed) => !needed.present()).map((needed) => needed.package);
  if (still.length > 0) fail(`apt-get finished, and yet these are not found: ${still.join(' ')}`);
}

/** Whether node_modules holds what package-lock.json asks for; npm keeps a copy of the lock file of what it installed. */
function packagesAreCurrent() {
  try {
    const wanted = lockedPackages('package-lock.json');
    const installed = lockedPackages(join('node_modules', '.package-lock.json'));
    return Object.entries(wanted).every(([path, entry]) => {
      if (path === '') return true;
      // What npm left out because it is for other platforms.
      if (entry.optional && !(path in installed)) return true;
      return installed[path]?.version === entry.version && existsSync(join(root, path));
    });
  } catch {
    return false;
  }
}

/**
 * @param {string} path
 * @returns {Record<string, { version?: string, optional?: boolean }>}
 */
function lockedPackages(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
}

/** @param {string} program */
function onPath(program) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** @param {string} name */
function hasLibrary(name) {
  const folders = ['/usr/lib', '/usr/lib64', '/usr/local/lib'];
  // Debian keeps libraries in a folder for each architecture.
  for (const entry of existsSync('/usr/lib') ? readdirSync('/usr/lib') : []) {
    if (entry.includes('-linux-')) folders.push(join('/usr/lib', entry));
  }
  return folders.some((folder) => existsSync(join(folder, name)));
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function run(program, args, env = process.env) {
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit', env });
  if (status !== 0) fail(`\`${program} ${args.join(' ')}\` failed${error ? `: ${error.message}` : ''}`);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(`setup: ${message}`);
  process.exit(1);
}
