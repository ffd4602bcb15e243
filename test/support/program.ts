/** The built command line as a process, in a folder of its own. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

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

/** Runs any program to its end. */
export function execute(
  program: string,
  args: readonly string[],
  { input, cwd, env = {} }: { input?: string | Uint8Array; cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, REPHASE_BACKEND: '', REPHASE_DEBUG: '', ...env },
    });
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
