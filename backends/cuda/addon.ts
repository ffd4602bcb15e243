/**
 * Finds the native addon and makes sure that it can be loaded before it is: a process of its own tries it first, so that
 * a driver that crashes is a message and not the end of the caller's server.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { BackendSession } from '../../src/backend.js';
import { BackendUnavailableError } from '../../src/errors.js';
import type { DeviceInfo } from '../../src/types.js';

/** What addon/session_object.cpp takes. */
export interface NativeProblem {
  device: number;
  rows: number;
  columns: number;
  starts: number;
  /** Index among ALGORITHMS. */
  algorithm: number;
  beta: number;
  scale: number;
  magnitudes: Float32Array;
  mask?: Uint8Array;
  support?: Uint8Array;
  seed?: number;
  firstStart?: number;
}

/** `BackendSession` with plain arguments. Failures carry a `code`, and `required` and `available` where memory is short. */
export interface NativeSession extends BackendSession {
  readObject(start: number): Promise<Float32Array>;
  writeObject(start: number, object: Float32Array, asIterate: boolean): void;
  readSpectrum(start: number): Promise<Float32Array>;
  writeSpectrum(start: number, spectrum: Float32Array): void;
  deviceSeconds(): number;
}

export interface Addon {
  devices(): DeviceInfo[];
  Session: new (problem: NativeProblem) => NativeSession;
}

/** A first use of a GPU may take seconds on a server with many. */
const TRIAL_MILLISECONDS = 60_000;

let loading: Promise<Addon> | undefined;

/** Rejects with a `BackendUnavailableError` that says what is missing or what went wrong. */
export function loadAddon(): Promise<Addon> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Addon> {
  const path = findAddon();
  await tryInChildProcess(path);
  return createRequire(import.meta.url)(path) as Addon;
}

/** The addon is in the package's `prebuilds`, some folders above this file, in the sources and in dist/ alike. */
export function findAddon(): string {
  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64') throw unavailable(`it is built for linux-x64 only, and this is ${platform}`);
  const name = join('prebuilds', platform, 'rephase_cuda.node');
  let folder = dirname(fileURLToPath(import.meta.url));
  for (let parent = dirname(folder); parent !== folder; [folder, parent] = [parent, dirname(parent)]) {
    if (existsSync(join(folder, name))) return join(folder, name);
    if (existsSync(join(folder, 'package.json'))) break;
  }
  throw unavailable(`${name} is not there; \`npm run build:cuda\` builds it, with nvcc`);
}

/** Rejects with what went wrong. */
export function tryInChildProcess(path: string): Promise<void> {
  const script = 'require(process.argv[1]).devices()';
  // Neither the caller's Node options nor Electron's window belong into it.
  const env = { ...process.env, NODE_OPTIONS: '', ELECTRON_RUN_AS_NODE: '1' };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, ['-e', script, path], { env, timeout: TRIAL_MILLISECONDS }, (error, _, stderr) => {
      if (!error) return resolve();
      const message = /^\w*Error: (.*)$/m.exec(stderr)?.[1];
      if (error.signal && error.killed) return reject(unavailable('the driver did not answer within a minute'));
      if (error.signal) return reject(unavailable(`trying it ended a process with ${error.signal}: a broken driver?`));
      reject(unavailable(message ?? error.message));
    });
  });
}

function unavailable(reason: string): BackendUnavailableError {
  return new BackendUnavailableError(reason, 'cuda');
}
