/** What a result belongs to: machine, versions, date, and whether something else was running. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, release, totalmem, type } from 'node:os';

/** @param {Record<string, string>} versions */
export function describeMachine(versions) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0].model.trim(),
    cores: availableParallelism(),
    memoryGiB: Number((totalmem() / 2 ** 30).toFixed(1)),
    system: `${type()} ${release()}`,
    loadBefore: Number(loadavg()[0].toFixed(2)),
    rephase: version,
    commit: commit(),
    versions: { Node: process.versions.node, V8: process.versions.v8, ...versions },
  };
}

/** Where there is no repository, somebody may say which commit this is. */
function commit() {
  if (process.env.REPHASE_COMMIT) return process.env.REPHASE_COMMIT;
  try {
    const options = /** @type {const} */ ({ encoding: 'utf8', cwd: new URL('..', import.meta.url), stdio: 'pipe' });
    const changed = execFileSync('git', ['status', '--porcelain', '--untracked-files=no'], options).trim() !== '';
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], options).trim() + (changed ? ' with changes' : '');
  } catch {
    return 'unknown';
  }
}
