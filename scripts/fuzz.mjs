/** Bundles test/formats-fuzz.ts, which runs the sources, and starts it with the arguments given. */
import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
await build({
  ...{ entryPoints: [`${root}/test/formats-fuzz.ts`], outfile: `${root}/build/fuzz-formats.mjs` },
  ...{ bundle: true, platform: 'node', format: 'esm', packages: 'external', target: 'es2022', logLevel: 'error' },
});
const { status } = spawnSync(process.execPath, [`${root}/build/fuzz-formats.mjs`, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
