/** The one writer of results: JSON for bench/quote.mjs, and Markdown for people. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digits, table } from './markdown.mjs';

/** @typedef {ReturnType<typeof import('./machine.mjs').describeMachine>} Machine */

/** Where the committed results are. @param {string} name */
export const kept = (name) => fileURLToPath(new URL(`results/${name}`, import.meta.url));

/**
 * Prints a report with the tables of these rows, and writes it and the results where a path is given.
 * @param {string} title
 * @param {{ machine: Machine, skipped: string[] }} results
 * @param {Record<string, object[] | undefined>} tables by heading; each row has the same properties
 * @param {string} path
 */
export function report(title, results, tables, path) {
  const { cpu, cores, memoryGiB, system, loadBefore, versions } = results.machine;
  const listed = Object.entries(versions).map((entry) => entry.join(' '));
  const about = `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${system}; ${listed.join(', ')}. Load before: ${loadBefore}.`;
  const sections = results.skipped.map((reason) => `Left out: ${reason}.`);
  for (const [heading, rows] of Object.entries(tables)) {
    if (!rows || rows.length === 0) continue;
    sections.push(`## ${heading}`, table([Object.keys(rows[0]), ...rows.map((row) => Object.values(row).map(cell))]));
  }
  publish(title, results, about, sections, path);
}

/**
 * The same with sections in Markdown. `about` goes on after the date and the version.
 * @param {string} title
 * @param {{ machine: Machine }} results
 * @param {string} about
 * @param {string[]} sections
 * @param {string} path
 */
export function publish(title, results, about, sections, path) {
  const text = `${[`# ${title}`, `${measured(results.machine)}, ${about}`, ...sections].join('\n\n')}\n`;
  console.log(text);
  if (!path) return;
  write(path, results, text);
  process.stderr.write(`bench: wrote ${path}.json and .md\n`);
}

/** When it was measured, and of what. @param {Machine} machine */
export function measured({ date, rephase, commit }) {
  return `${date.slice(0, 10)}, rephase ${rephase} (${commit})`;
}

/**
 * Writes PATH.json, and PATH.md if there is a text. A run that is ended leaves whole files.
 * @param {string} path
 * @param {object} results
 * @param {string} [text]
 * @param {(key: string, value: unknown) => unknown} [encode] as JSON.stringify takes it
 */
export function write(path, results, text, encode) {
  mkdirSync(dirname(path), { recursive: true });
  const files = { json: `${JSON.stringify(results, encode, 2)}\n`, md: text };
  for (const [ending, content] of Object.entries(files)) {
    if (content === undefined) continue;
    writeFileSync(`${path}.${ending}.part`, content);
    renameSync(`${path}.${ending}.part`, `${path}.${ending}`);
  }
}

/** @param {string | number | boolean | undefined} value */
function cell(value) {
  if (typeof value === 'boolean') return value ? 'yes' : '**no**';
  if (typeof value === 'number' && !Number.isInteger(value)) return digits(value);
  return value ?? '–';
}
