/** The command line in a folder of its own: as it is built and in a process, or its sources within the test's process. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';
import { main } from '../../src/cli/program.js';

export const PROGRAM = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  /** The same, before it was taken for text. */
  bytes: Buffer;
  stderr: string;
}

/** A folder that `remove` removes. */
export function temporaryFolder() {
  const path = mkdtempSync(join(tmpdir(), 'rephase-'));
  return {
    path,
    at: (name: string) => join(path, name),
    write: (name: string, content: string | Uint8Array) => writeFileSync(join(path, name), content),
    remove: () => rmSync(path, { recursive: true }),
  };
}

const children = new Set<ChildProcess>();
afterAll(() => children.forEach((child) => child.kill('SIGKILL')));

/** Ends a process with the file of tests, where a test that failed or took too long has left it running. */
export function endsWithFile<Child extends ChildProcess>(child: Child): Child {
  children.add(child);
  child.on('close', () => children.delete(child));
  return child;
}

/** Runs any program to its end. */
export function execute(
  program: string,
  args: readonly string[],
  { input, cwd, env = {} }: { input?: string | Uint8Array; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = endsWithFile(
      spawn(program, args, { cwd, env: { ...process.env, REPHASE_BACKEND: '', REPHASE_DEBUG: '', ...env } }),
    );
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      const bytes = Buffer.concat(stdout);
      resolve({ code, bytes, stdout: bytes.toString(), stderr: Buffer.concat(stderr).toString() });
    });
    // It may end without having read everything.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}

/**
 * Runs a command to its end within this process, one at a time. Most commands take less time than a process takes to begin,
 * so that tests of what a command says and writes run it here. What needs a process of its own is tested with `execute`: what
 * comes from standard input or a pipe, signals, and a terminal.
 */
export async function runHere(args: readonly string[], cwd: string): Promise<Ended> {
  const before = { cwd: process.cwd(), argv: process.argv, backend: process.env.REPHASE_BACKEND };
  const captured = [process.stdout, process.stderr].map(capture);
  process.chdir(cwd);
  process.argv = [process.execPath, PROGRAM, ...args];
  process.env.REPHASE_BACKEND = '';
  try {
    const code = await main(args);
    const [bytes, errors] = captured.map(({ written }) => Buffer.concat(written));
    return { code, bytes, stdout: bytes.toString(), stderr: errors.toString() };
  } finally {
    // What a command sets as this is what main() has returned.
    process.exitCode = undefined;
    process.chdir(before.cwd);
    process.argv = before.argv;
    if (before.backend === undefined) delete process.env.REPHASE_BACKEND;
    else process.env.REPHASE_BACKEND = before.backend;
    for (const { release } of captured) release();
  }
}

/** Keeps what is written to a stream, instead of writing it, and takes away the listeners that are added meanwhile. */
function capture(stream: NodeJS.WriteStream): { written: Buffer[]; release: () => void } {
  const written: Buffer[] = [];
  const write = stream.write.bind(stream);
  const listeners = stream.listeners('error') as (() => void)[];
  stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
    written.push(Buffer.from(chunk as string));
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  const release = () => {
    stream.write = write;
    stream.removeAllListeners('error');
    for (const listener of listeners) stream.on('error', listener);
  };
  return { written, release };
}
