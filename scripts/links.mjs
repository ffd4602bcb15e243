/** Fails on dead links in the documents: relative ones whose file is not there, and anchors without a heading. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { anchorOf } from './anchors.mjs';

process.chdir(fileURLToPath(new URL('..', import.meta.url)));
const listed = spawnSync('git', ['ls-files', '-co', '--exclude-standard', '*.md'], { encoding: 'utf8' });
const documents = listed.stdout.split('\n').filter((path) => path && existsSync(path));
const dead = documents.length === 0 ? ['no documents are listed: git is needed'] : [];
for (const path of documents) {
  for (const [, inline, reference, attribute] of prose(path).matchAll(
    /\]\(\s*<?([^)\s>]+)[^)]*\)|^\[[^\]]+\]:\s*(\S+)|(?:src|href)="([^"]+)"/gm,
  )) {
    const why = whyDead(path, inline ?? reference ?? attribute);
    if (why) dead.push(`${path}: ${why}`);
  }
}
if (dead.length > 0) {
  console.error(dead.map((line) => `links: ${line}`).join('\n'));
  process.exit(1);
}

/**
 * @param {string} path
 * @param {string} link
 */
function whyDead(path, link) {
  if (/^[a-z]+:/i.test(link)) return undefined;
  const [file, anchor] = decodeURI(link).split('#');
  const target = file === '' ? path : normalize(join(dirname(path), file));
  if (!existsSync(target)) return `${link} leads nowhere`;
  if (anchor === undefined || statSync(target).isDirectory() || !target.endsWith('.md')) return undefined;
  return anchors(target).has(anchor) ? undefined : `${link}: ${target} has no heading #${anchor}`;
}

/** @param {string} path */
function anchors(path) {
  /** @type {Set<string>} */
  const names = new Set();
  for (const [, heading] of prose(path).matchAll(/^#{1,6}\s+(.*)$/gm)) anchorOf(heading, names);
  for (const [, id] of prose(path).matchAll(/<a (?:id|name)="([^"]+)"/g)) names.add(id);
  return names;
}

/**
 * A document without its code.
 * @param {string} path
 */
function prose(path) {
  return readFileSync(path, 'utf8').replace(/^(```+|~~~+)[\s\S]*?^\1/gm, '');
}
