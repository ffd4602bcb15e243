/** Results as JSON for bench/quote.mjs, and as Markdown for people. */
import { writeFileSync } from 'node:fs';
import { digits, table } from './markdown.mjs';

/**
 * Prints a report. With a path, also writes PATH.md, and the results to PATH.json.
 * @param {string} title
 * @param {{ machine: ReturnType<typeof import('./machine.mjs').describeMachine>, skipped: string[] }} results
 * @param {Record<string, object[] | undefined>} tables by heading; each row has the same properties
 * @param {string} path
 */
export function report(title, results, tables, path) {
  const { date, cpu, cores, memoryGiB, system, loadBefore, rephase, commit, versions } = results.machine;
  const parts = [
    `# ${title}`,
    `${date.slice(0, 10)}, rephase ${rephase} (${commit}), ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}; ` +
      `${Object.entries(versions)
        .map((entry) => entry.join(' '))
        .join(', ')}. Load before: ${loadBefore}.`,
    ...results.skipped.map((reason) => `Left out: ${reason}.`),
  ];
  for (const [heading, rows] of Object.entries(tables)) {
    if (!rows || rows.length === 0) continue;
    parts.push(`## ${heading}`, table([Object.keys(rows[0]), ...rows.map((row) => Object.values(row).map(cell))]));
  }
  const text = `${parts.join('\n\n')}\n`;
  console.log(text);
  if (!path) return;
  writeFileSync(`${path}.json`, `${JSON.stringify(results, null, 2)}\n`);
  writeFileSync(`${path}.md`, text);
  process.stderr.write(`bench: wrote ${path}.json and .md\n`);
}

/** @param {string | number | boolean | undefined} value */
function cell(value) {
  if (typeof value === 'boolean') return value ? 'yes' : '**no**';
  if (typeof value === 'number' && !Number.isInteger(value)) return digits(value);
  return value ?? '–';
}
