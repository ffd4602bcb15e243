/**
 * The page that `reconstruct --report` writes. One HTML file holds everything (pictures, residual curve, the plotting
 * library, and what is needed to repeat the run) and loads nothing.
 */
import { printable } from '../errors.js';
import { CURVE_SCRIPT, PAGE_SCRIPT, PAGE_STYLE } from './report-page.js';

/** The plotting library's script and style sheet: tsup.config.ts puts their text here. */
declare const PLOT_SCRIPT: string;
declare const PLOT_STYLE: string;
export const PLOT_LIBRARY = { script: PLOT_SCRIPT, style: PLOT_STYLE };

export interface ReportContent {
  title: string;
  /** The exact command line. */
  command: string;
  /** PNG files and their captions. */
  pictures: readonly { name: string; png: Uint8Array; caption: string }[];
  /** Residual of each iteration. */
  history: Float64Array;
  /** Names and values, in the order of the table. */
  facts: readonly (readonly [name: string, value: string])[];
  /** Paragraphs below the table. */
  notes: readonly string[];
}

/** No screen has this many pixels in a row. */
const MOST_POINTS = 4000;

/** The page as text. */
export function reportPage(content: ReportContent): string {
  const { points, every } = thin(content.history);
  const curve =
    every === 1 ? 'Residual after each iteration.' : `Residual after each iteration, every ${every}th of them shown.`;

  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${escape(content.title)}</title>
<style>${PLOT_LIBRARY.style}</style>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>${escape(content.title)}</h1>
<section class="pictures">
${content.pictures.map(figure).join('\n')}
</section>
<h2>Residual</h2>
<div id="curve"></div>
<p class="caption">${curve}</p>
<h2>To repeat it</h2>
<pre>${escape(content.command)}</pre>
<table class="facts">
${content.facts.map(([name, value]) => `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`).join('\n')}
</table>
${content.notes.map((note) => `<p>${escape(note)}</p>`).join('\n')}
</main>
<script type="application/json" id="history">${JSON.stringify(points)}</script>
<script>${PLOT_LIBRARY.script}</script>
<script>${CURVE_SCRIPT}${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function figure({ name, png, caption }: ReportContent['pictures'][number]): string {
  const url = `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  const text = `<b>${escape(name)}</b> ${escape(caption)}`;
  return `<figure><img src="${url}" alt="${escape(name)}"><figcaption>${text}</figcaption></figure>`;
}

/** Iteration numbers, from 1, and residuals. NaN becomes null, since JSON has none. */
function thin(history: Float64Array) {
  const every = Math.ceil(history.length / MOST_POINTS) || 1;
  const iterations: number[] = [];
  const residuals: (number | null)[] = [];
  history.forEach((residual, at) => {
    if (at % every !== 0 && at !== history.length - 1) return;
    iterations.push(at + 1);
    residuals.push(Number.isFinite(residual) ? residual : null);
  });
  return { points: [iterations, residuals], every };
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export function escape(text: string): string {
  return printable(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
