/**
 * Builds the site into build/site/: the documents, the reference, and the page of examples/browser as demo/. Links between
 * documents become links between pages, links to other files of the repository lead to where it is published. Fails on a
 * link or an anchor that leads nowhere. `--no-demo` leaves the page out.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import highlight from 'highlight.js';
import markdownIt from 'markdown-it';
import { anchorOf } from '../anchors.mjs';
import { pageOf } from './template.mjs';

process.chdir(fileURLToPath(new URL('../..', import.meta.url)));
const OUT = 'build/site';
const { repository } = JSON.parse(readFileSync('package.json', 'utf8'));
const REPOSITORY = repository.url.replace(/^git\+|\.git$/g, '');

/** The pages by the sections of the menu; documents that are named nowhere follow at its end. */
const SECTIONS = {
  Begin: ['docs/five-minutes.md', 'docs/first.md', 'docs/your-data.md'],
  Use: [
    'docs/guide.md',
    'docs/algorithms.md',
    'docs/own-constraint.md',
    'docs/complex.md',
    'docs/holograms.md',
    'docs/ptychography.md',
    'docs/bundlers.md',
  ],
  'When it goes wrong': ['docs/warnings.md', 'docs/errors.md'],
  'How well it works': [
    'docs/quality.md',
    'docs/performance.md',
    'docs/call-costs.md',
    'docs/webgpu.md',
    'docs/cuda.md',
  ],
  Reference: ['docs/api/rephase.md', 'docs/api/formats.md', 'docs/api/files.md', 'CHANGELOG.md'],
};
const HOME = 'docs/five-minutes.md';
const listed = Object.values(SECTIONS).flat();
const others = readdirSync('docs')
  .filter((name) => name.endsWith('.md') && !listed.includes(`docs/${name}`))
  .map((name) => `docs/${name}`);
const sections = Object.entries(others.length > 0 ? { ...SECTIONS, More: others } : SECTIONS);
const documents = [...listed, ...others];

rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT, { recursive: true });
const titles = Object.fromEntries(documents.map((path) => [path, titleOf(path)]));
/** @type {{ page: string, title: string, heading: string, anchor: string, text: string }[]} */
const entries = [];
for (const path of documents) writePage(path);
writeFileSync(join(OUT, 'search.json'), JSON.stringify(entries));
for (const name of ['style.css', 'search.js']) copyFileSync(`scripts/site/${name}`, join(OUT, name));
if (!process.argv.includes('--no-demo')) buildDemo();
const dead = deadLinks();
if (dead.length > 0) fail(dead);
console.log(`site: ${OUT}/index.html and ${documents.length - 1} pages more`);

/** @param {string} path */
function writePage(path) {
  /** @type {Set<string>} */
  const taken = new Set();
  const markdown = markdownIt({ html: true, typographer: false, highlight: coloured });
  const render = markdown.renderer.rules;
  render.heading_open = (tokens, i) => {
    const heading = tokens[i + 1].content;
    const anchor = anchorOf(heading, taken);
    entries.push({ page: fileOf(path), title: titles[path], heading: plain(heading), anchor, text: '' });
    return `<${tokens[i].tag} id="${anchor}">`;
  };
  // What the search finds.
  for (const kind of /** @type {const} */ (['text', 'code_inline', 'fence'])) {
    const usual = render[kind];
    render[kind] = (tokens, i, options, environment, self) => {
      const entry = entries.at(-1);
      if (entry) entry.text += `${tokens[i].content} `;
      return usual(tokens, i, options, environment, self);
    };
  }
  const fence = render.fence;
  render.fence = (tokens, i, ...rest) => {
    if (tokens[i].info !== 'mermaid') return fence(tokens, i, ...rest);
    return `<p><a href="${REPOSITORY}/blob/main/${path}">A diagram, which the repository shows</a></p>`;
  };
  render.link_open = (tokens, i, options, _, self) => {
    const href = tokens[i].attrGet('href');
    if (href) tokens[i].attrSet('href', target(path, href));
    return self.renderToken(tokens, i, options);
  };
  render.image = (tokens, i) => {
    const [source, alternative] = [tokens[i].attrGet('src') ?? '', markdown.utils.escapeHtml(tokens[i].content)];
    return `<img src="${copied(path, source)}" alt="${alternative}" loading="lazy">`;
  };
  // On narrow screens tables scroll, for which the keyboard must reach them.
  render.table_open = () => '<div class="table" tabindex="0" role="group" aria-label="Table"><table>';
  render.table_close = () => '</table></div>';
  const content = markdown.render(readFileSync(path, 'utf8').replace(/<!--[\s\S]*?-->/g, ''));
  const menu = sections.map(([name, paths]) => ({
    name,
    links: paths.map((other) => ({ href: fileOf(other), title: titles[other], isHere: other === path })),
  }));
  const page = pageOf({ title: titles[path], content, menu, repository: REPOSITORY });
  writeFileSync(join(OUT, fileOf(path)), page);
}

/** Long lines scroll, for which the keyboard must reach them. @param {string} code @param {string} language */
function coloured(code, language) {
  const text = highlight.getLanguage(language)
    ? highlight.highlight(code, { language }).value
    : code.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<pre tabindex="0"><code>${text}</code></pre>`;
}

/** @param {string} path */
function titleOf(path) {
  const heading = /^# (.*)$/m.exec(readFileSync(path, 'utf8'));
  return plain(heading?.[1] ?? basename(path));
}

/** @param {string} heading */
function plain(heading) {
  return heading.replace(/[`*]/g, '').replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
}

/** Pages lie in one folder. @param {string} path */
function fileOf(path) {
  return path === HOME ? 'index.html' : `${basename(path, '.md').toLowerCase()}.html`;
}

/** Where a link of a document leads on the site. @param {string} path @param {string} href */
function target(path, href) {
  if (/^([a-z]+:|#)/i.test(href)) return href;
  const [file, anchor] = href.split('#');
  const linked = normalize(join(dirname(path), file));
  if (documents.includes(linked)) return fileOf(linked) + (anchor ? `#${anchor}` : '');
  if (linked === 'docs/api/README.md') return fileOf('docs/api/rephase.md');
  return `${REPOSITORY}/blob/main/${linked}${anchor ? `#${anchor}` : ''}`;
}

/** Copies a picture beside the pages. @param {string} path @param {string} source */
function copied(path, source) {
  const from = normalize(join(dirname(path), source));
  const to = join('pictures', basename(from));
  mkdirSync(join(OUT, 'pictures'), { recursive: true });
  copyFileSync(from, join(OUT, to));
  return to;
}

function buildDemo() {
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/vite/bin/vite.js', 'build', 'examples/browser', '--logLevel', 'warn'],
    { stdio: 'inherit' },
  );
  if (status !== 0) process.exit(1);
  cpSync('build/demo-page', join(OUT, 'demo'), { recursive: true });
}

/** Links of pages to what is not there. Those to the repository's files must lead to files. */
function deadLinks() {
  const pages = readdirSync(OUT).filter((name) => name.endsWith('.html'));
  const content = new Map(pages.map((name) => [name, readFileSync(join(OUT, name), 'utf8')]));
  return pages.flatMap((name) =>
    [...(content.get(name) ?? '').matchAll(/ (?:href|src)="([^"]+)"/g)].flatMap(([, link]) => {
      const inRepository = link.startsWith(`${REPOSITORY}/blob/main/`) && link.slice(`${REPOSITORY}/blob/main/`.length);
      if (inRepository) return existsSync(inRepository.split('#')[0]) ? [] : [`${name}: ${link} is no file here`];
      if (/^[a-z]+:/i.test(link)) return [];
      const [file, anchor] = decodeURI(link).split('#');
      const page = file === '' ? name : file;
      if (page === 'demo/' && process.argv.includes('--no-demo')) return [];
      if (!existsSync(join(OUT, page))) return [`${name}: ${link} leads nowhere`];
      if (!anchor || content.get(page)?.includes(` id="${anchor}"`)) return [];
      return [`${name}: ${page} has no #${anchor}`];
    }),
  );
}

/** @param {string[]} lines @returns {never} */
function fail(lines) {
  console.error(lines.map((line) => `site: ${line}`).join('\n'));
  process.exit(1);
}
