/** Fails on import cycles among the sources, imports of types included: what is in a cycle can only be read as a whole. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const files = ['src', 'backends'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name)),
);
const known = new Set(files);
/** @type {Map<string, string[]>} */
const imports = new Map();
for (const path of files) {
  const { importedFiles } = ts.preProcessFile(readFileSync(path, 'utf8'), true, true);
  const targets = importedFiles.map(({ fileName }) => join(dirname(path), fileName.replace(/\.js$/, '.ts')));
  imports.set(
    path,
    targets.filter((target) => known.has(target)),
  );
}

/** @type {Set<string>} */
const finished = new Set();
let cycles = 0;
for (const path of files) visit(path, []);
if (cycles > 0) process.exit(1);

/**
 * @param {string} path
 * @param {string[]} way
 */
function visit(path, way) {
  const at = way.indexOf(path);
  if (at >= 0) {
    cycles += 1;
    return console.error(`cycles: ${[...way.slice(at), path].join(' → ')}`);
  }
  if (finished.has(path)) return;
  for (const target of imports.get(path) ?? []) visit(target, [...way, path]);
  finished.add(path);
}
