/** Style and scripts of the pages that the command line writes and serves. */

export const PAGE_STYLE = `
:root { color-scheme: light dark; --text: #1c1c1e; --soft: #6b6b70; --line: #e2e2e6; --paper: #ffffff; --box: #f5f5f7;
  --curve: #c2410c; }
@media (prefers-color-scheme: dark) {
  :root { --text: #ececee; --soft: #9b9ba1; --line: #35353a; --paper: #161618; --box: #222225; --curve: #fb923c; }
}
body { margin: 0; background: var(--paper); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 24px; font-weight: 650; margin: 8px 0 20px; overflow-wrap: anywhere; }
h2 { font-size: 17px; font-weight: 650; margin: 36px 0 10px; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 320px), 1fr)); gap: 20px;
  align-items: start; }
figure { margin: 0; }
figure img { width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--box); border-radius: 6px;
  display: block; }
figcaption, .caption { color: var(--soft); font-size: 13.5px; margin-top: 6px; }
figcaption b { color: var(--text); font-weight: 600; }
pre { background: var(--box); padding: 12px 14px; border-radius: 6px; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; font: 13px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
table.facts { border-collapse: collapse; width: 100%; font-size: 14px; }
.facts th, .facts td { text-align: left; vertical-align: top; padding: 6px 12px 6px 0; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
.facts th { font-weight: 500; color: var(--soft); white-space: nowrap; width: 1%; padding-right: 28px; }
.facts td { font-variant-numeric: tabular-nums; }
.u-legend { font-size: 13.5px; }
`;

/** `residualCurve(data)` draws into #curve, and again when the width or the colour scheme changes. */
export const CURVE_SCRIPT = `
function residualCurve(data) {
  var box = document.getElementById('curve');
  var dark = matchMedia('(prefers-color-scheme: dark)');
  var plot;
  function colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }
  function draw() {
    if (plot) plot.destroy();
    var axis = { stroke: colour('--soft'), grid: { stroke: colour('--line'), width: 1 },
      ticks: { stroke: colour('--line'), width: 1 }, size: 64 };
    var exact = function (u, value) { return value == null ? '–' : value.toPrecision(5); };
    plot = new uPlot({
      width: box.clientWidth, height: 320,
      scales: { x: { time: false }, y: { distr: 3 } },
      axes: [Object.assign({}, axis, { size: 36, label: '' }), Object.assign({}, axis, {
        values: function (u, splits) {
          return splits.map(function (v) {
            return v == null ? '' : v < 1e-3 ? v.toExponential() : String(Number(v.toPrecision(2))); }); } })],
      series: [{ label: 'iteration' },
        { label: 'residual', stroke: colour('--curve'), width: 2, points: { show: data[0].length < 2 }, value: exact }]
    }, data, box);
  }
  draw();
  addEventListener('resize', draw);
  dark.addEventListener('change', draw);
  return {
    show: function (others) { data = others; draw(); },
    add: function (iteration, residual) {
      data[0].push(iteration);
      data[1].push(residual);
      plot.setData(data);
    }
  };
}
`;

export const PAGE_SCRIPT = `
residualCurve(JSON.parse(document.getElementById('history').textContent));
`;
