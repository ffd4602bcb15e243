/** Formats the C++ and CUDA sources of core/ and backends/ in place; with `--check`, only reports them. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const files = ['core', 'backends'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(cpp|hpp|h|cu|cuh)$/.test(name) && !name.includes('node_modules'))
    .map((name) => join(folder, name)),
);
const how = process.argv.includes('--check') ? ['--dry-run', '--Werror'] : ['-i'];
const { status, error } = spawnSync('clang-format', [...how, ...files], { stdio: 'inherit' });
if (error) console.error(`clang-format: ${error.message}`);
process.exit(status ?? 1);
