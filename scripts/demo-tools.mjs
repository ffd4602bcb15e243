/** What the demonstrations share: they run in the project's folder, and everything they make is in out/. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
mkdirSync('out', { recursive: true });

/**
 * Runs a command of the built program, its progress bar on this terminal, and returns what it says with --json.
 * @param {string[]} args
 */
export function rephase(...args) {
  console.log(`$ rephase ${args.join(' ')}`);
  const { status, stdout } = spawnSync(process.execPath, ['dist/cli.js', ...args, '--json'], {
    encoding: 'utf8',
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
  return JSON.parse(stdout);
}

/**
 * A part of the program that the library does not export.
 * @param {string} path
 */
export async function fromSources(path) {
  const outfile = `build/demo/${basename(path, '.ts')}.mjs`;
  await build({
    entryPoints: [`src/${path}`],
    outfile,
    bundle: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
  });
  return import(pathToFileURL(outfile).href);
}
