/**
 * Finds the native addon and makes sure that it can be loaded before it is: a process of its own tries it first, so that
 * a driver that crashes is a message and not the end of the caller's server.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { BackendScanSession, BackendSession } from '../../src/backends/interface.js';
import { BackendUnavailableError } from '../../src/errors.js';
import { allCoefficients, PROJECTION } from '../../src/rules.js';
import type { PatternPlace } from '../../src/scan-types.js';
import type { DeviceInfo } from '../../src/types.js';

/** What addon/session_object.cpp takes. */
export interface NativeProblem {
  device: number;
  rows: number;
  columns: number;
  starts: number;
  /** Whether the object is. */
  complex: boolean;
  /** As `allCoefficients` of src/rules.ts orders them. */
  coefficients: Float64Array;
  keepsIterate: boolean;
  scale: number;
  magnitudes: Float32Array;
  mask?: Uint8Array;
  support?: Uint8Array;
  /** Of the pixels of a complex object, for rules in two planes. */
  sizes?: Float32Array;
  seed?: number;
  firstStart?: number;
}

/**
 * `BackendSession` with plain arguments. The rule stays until `setRule` sets another, so that a step passes no array.
 * Failures carry a `code`, and `required` and `available` where memory is short.
 */
export interface NativeSession extends Omit<
  BackendSession,
  'constrainObject' | 'constrainFourier' | 'iterate' | 'measureObject' | 'shrinkSupport'
> {
  setRule(coefficients: Float64Array, keepsIterate: boolean): void;
  constrainObject(): void;
  constrainFourier(): void;
  iterate(count: number): void;
  measureObject(): void;
  shrinkSupport(sigma: number, threshold: number, least: number, most: number): void;
  readObject(start: number): Promise<Float32Array>;
  writeObject(start: number, object: Float32Array, asIterate: boolean): void;
  readSpectrum(start: number): Promise<Float32Array>;
  writeSpectrum(start: number, spectrum: Float32Array): void;
  deviceSeconds(): number;
}

/** What addon/scan_object.cpp takes. */
export interface NativeScanProblem {
  device: number;
  positions: number;
  rows: number;
  columns: number;
  objectRows: number;
  objectColumns: number;
  modes: number;
  batch: number;
  /** As `scanNumbers` of src/scan-rules.ts orders them. */
  numbers: Float64Array;
  patterns: Float32Array;
  mask?: Uint8Array;
  places: Float64Array;
  /** Left out: where they fit. */
  keepPatterns?: PatternPlace;
}

/** `BackendScanSession` likewise. Rule and order stay until others are set. */
export interface NativeScan extends Omit<
  BackendScanSession,
  'keepPatterns' | 'forward' | 'constrainFourier' | 'constrainObject' | 'iterate'
> {
  setRule(numbers: Float64Array): void;
  setOrder(order: Uint32Array): void;
  forward(begin: number, end: number): void;
  constrainFourier(): void;
  constrainObject(last: boolean): void;
  iterate(begin: number, end: number): void;
  patternsOnHost(): boolean;
  writeObject(object: Float32Array): void;
  writeProbe(probe: Float32Array): void;
  writeWaves(waves: Float32Array): void;
  deviceSeconds(): number;
}

export interface Addon {
  devices(): DeviceInfo[];
  /**
   * Memory comes back some time after `dispose()`, when what had been called before it is done. Resolves with true once
   * all of it has, with false where there is nothing to wait for.
   */
  freed(): Promise<boolean>;
  Session: new (problem: NativeProblem) => NativeSession;
  Scan: new (problem: NativeScanProblem) => NativeScan;
}

/** A first use of a GPU may take seconds on a server with many. */
const TRIAL_MILLISECONDS = 60_000;

/**
 * The child process does a few iterations on every GPU. It names each on standard output before it tries it, and says
 * there what failed: Node, Bun and Deno each print an uncaught error in another form. A GPU that fails without a crash is
 * no danger to the caller's process, and spoils nothing as long as there is another.
 */
const TRIAL = `
  async function attempt(Session, device) {
    const session = new Session({
      ...{ device, rows: 32, columns: 32, starts: 1, complex: false, scale: 1 },
      ...{ coefficients: Float64Array.of(${allCoefficients(PROJECTION).join()}), keepsIterate: false },
      ...{ magnitudes: new Float32Array(32 * 32).fill(1), seed: 0, firstStart: 0 },
    });
    session.iterate(40);
    session.completeIteration();
    await session.readObject(0);
    session.dispose();
  }
  (async () => {
    const { devices, Session } = require(process.argv.at(-1));
    const found = devices();
    const failures = [];
    for (const [device, { name }] of found.entries()) {
      const gpu = 'GPU ' + device + ' (' + name + ')';
      process.stdout.write(gpu + '\\n');
      await attempt(Session, device).catch(({ message }) => failures.push(gpu + ': ' + message));
    }
    if (failures.length === found.length) throw new Error(failures.join('; '));
  })().catch(({ message }) => {
    process.stdout.write('failed: ' + message + '\\n', () => process.exit(1));
  });`;

let loading: Promise<{ addon: Addon; devices: DeviceInfo[] }> | undefined;

/**
 * The addon and the GPUs, which are looked for once. Rejects with a `BackendUnavailableError` that says what is missing
 * or what went wrong.
 */
export function loadAddon(): Promise<{ addon: Addon; devices: DeviceInfo[] }> {
  loading ??= load();
  return loading;
}

async function load() {
  const path = findAddon();
  await tryInChildProcess(path);
  const addon = requireFrom(here())(path) as Addon;
  return { addon, devices: addon.devices() };
}

/** The package that brings the addon; scripts/pack-release.mjs makes it. */
const PACKAGE = '@rephase/cuda-linux-x64';

/**
 * Finds the addon: in a clone in `prebuilds`, some folders above this file, in the sources and in dist/ alike; in an
 * installation in the optional package beside this one.
 */
export function findAddon(): string {
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64') throw unavailable(`it is built for linux-x64 only, and this is ${platform}`);
  const name = join('prebuilds', platform, 'rephase_cuda.node');
  let folder = dirname(here());
  for (let parent = dirname(folder); parent !== folder; [folder, parent] = [parent, dirname(parent)]) {
    if (existsSync(join(folder, name))) return join(folder, name);
    if (existsSync(join(folder, 'package.json'))) break;
  }
  try {
    return requireFrom(here()).resolve(PACKAGE);
  } catch {
    const isClone = existsSync(join(folder, 'CMakeLists.txt'));
    const wayOut = isClone ? '`npm run build:cuda` builds the addon, with nvcc' : `\`npm install ${PACKAGE}\``;
    throw unavailable(`${PACKAGE} is not installed: ${wayOut}`);
  }
}

/** This file; in a bundle of CommonJS, which has no import.meta.url, the bundle. */
function here(): string {
  const url: string | undefined = import.meta.url;
  return url === undefined ? __filename : fileURLToPath(url);
}

/** An import of createRequire would make bundlers look for what it loads. */
function requireFrom(path: string): NodeJS.Require {
  return process.getBuiltinModule('node:module').createRequire(path);
}

/** Rejects with what went wrong. */
export function tryInChildProcess(path: string): Promise<void> {
  // Neither the caller's Node options nor Electron's window belong into it.
  const env = { ...process.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['-e', TRIAL, path], { env, timeout: TRIAL_MILLISECONDS }, (error, stdout) => {
      if (!error) return resolve();
      const tried = stdout.trim().split('\n').at(-1) || 'the driver';
      if (error.signal && error.killed) return reject(unavailable(`${tried} did not answer within a minute`));
      // A process that could not be started has a name for its code, such as ENOENT.
      if (typeof error.code === 'string') return reject(unavailable(error.message));
      const failed = /^failed: (.*)$/m.exec(stdout)?.[1];
      reject(unavailable(failed ?? `trying ${tried} ended a process with ${error.signal ?? `code ${error.code}`}`));
    });
  });
}

function unavailable(reason: string): BackendUnavailableError {
  return new BackendUnavailableError(reason, 'cuda');
}
