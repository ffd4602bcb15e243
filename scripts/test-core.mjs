/** Builds the core's own tests under AddressSanitizer and UndefinedBehaviorSanitizer, and runs them with ctest. */
import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const folder = 'build/native-sanitized';
const jobs = String(availableParallelism());
const commands = [
  ['cmake', '-S', '.', '-B', folder, '-DREPHASE_SANITIZE=ON', '-DREPHASE_BUILD_TESTS=ON', '--log-level=WARNING'],
  ['cmake', '--build', folder, '--parallel', jobs, '--', '--no-print-directory', '-s'],
  ['ctest', '--test-dir', folder, '--output-on-failure', '--no-tests=error', '--parallel', jobs],
];
for (const [program, ...args] of commands) {
  const { status, error } = spawnSync(program, args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: 'inherit',
  });
  if (status === 0) continue;
  console.error(`test-core: \`${program} ${args.join(' ')}\` failed${error ? `: ${error.message}` : ''}`);
  process.exit(1);
}
