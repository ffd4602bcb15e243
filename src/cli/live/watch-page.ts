/** The page that `--watch` serves. It loads nothing but what the same server has. */
import { PLOT_LIBRARY, escape } from '../report.js';
import { CURVE_SCRIPT, PAGE_STYLE } from '../report-page.js';

const SCRIPT = `
var curve = residualCurve([[], []]);
var text = function (id, value) { document.getElementById(id).textContent = value; };
var events = new EventSource('events');
events.addEventListener('points', function (event) {
  var points = JSON.parse(event.data);
  curve.show([points.map(function (p) { return p[0]; }), points.map(function (p) { return p[1]; })]);
});
events.addEventListener('progress', function (event) {
  var now = JSON.parse(event.data);
  curve.add(now.iteration, now.residual);
  text('iteration', now.iteration + ' of ' + now.iterations);
  text('residual', now.residual == null ? '–' : now.residual.toPrecision(4));
  text('rate', now.seconds > 0 ? (now.iteration / now.seconds).toPrecision(3) + ' it/s' : '–');
  text('state', 'running');
});
events.addEventListener('image', function () { document.getElementById('image').src = 'image.png?' + Date.now(); });
events.addEventListener('end', function () { events.close(); text('state', 'finished'); });
events.onerror = function () { if (events.readyState !== 2) text('state', 'not connected'); };
`;

export function watchPage(title: string): string {
  const facts = { state: 'State', iteration: 'Iteration', residual: 'Residual', rate: 'Speed' };
  const rows = Object.entries(facts).map(([id, name]) => `<tr><th>${name}</th><td id="${id}">–</td></tr>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escape(title)}</title>
<style>${PLOT_LIBRARY.style}</style>
<style>${PAGE_STYLE}</style>
</head>
<body>
<main>
<h1>${escape(title)}</h1>
<section class="pictures">
<figure><img id="image" alt="The best image so far"></figure>
<table class="facts" role="status">
${rows.join('\n')}
</table>
</section>
<h2>Residual</h2>
<div id="curve"></div>
</main>
<script>${PLOT_LIBRARY.script}</script>
<script>${CURVE_SCRIPT}${SCRIPT}</script>
</body>
</html>
`;
}
