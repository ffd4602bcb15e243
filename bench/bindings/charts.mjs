/** Charts as SVG by Vega-Lite, without a browser; readable on light and dark pages. */
import { View, parse } from 'vega';
import { compile } from 'vega-lite';

/** Placeholders, which become classes of the style below. */
const [INK, LINE] = ['#010203', '#030201'];
const STYLE = `<style>.ink{fill:#1f2328}.line{stroke:#d1d9e0}
@media(prefers-color-scheme:dark){.ink{fill:#e6edf3}.line{stroke:#3d444d}}</style>`;
/** Of about the same contrast on white and on black. */
const COLOURS = ['#4c8dd6', '#d9822b', '#2f9e6e', '#a071d8', '#c2566a', '#8a8f98'];

const CONFIG = {
  font: 'sans-serif',
  background: null,
  view: { stroke: null },
  range: { category: COLOURS },
  axis: {
    labelColor: INK,
    titleColor: INK,
    gridColor: LINE,
    gridOpacity: 0.6,
    domainColor: LINE,
    tickColor: LINE,
    labelFontSize: 12,
    titleFontSize: 12,
  },
  legend: { labelColor: INK, titleColor: INK, labelFontSize: 12, symbolStrokeWidth: 3, labelLimit: 400, title: null },
  header: { labelColor: INK, titleColor: INK, labelFontSize: 13 },
  title: { color: INK },
  text: { color: INK },
};

/** @param {any} spec @returns {Promise<string>} */
async function draw(spec) {
  const { spec: compiled } = compile({ ...spec, config: CONFIG });
  const svg = await new View(parse(compiled), { renderer: 'none' }).toSVG();
  const styled = svg
    .replaceAll(`fill="${INK}"`, 'class="ink"')
    .replaceAll(`stroke="${LINE}"`, 'class="line"')
    // Clipping paths are numbered over all charts that a process draws.
    .replaceAll(/clip\d+/g, 'clip')
    .replace(/^(<svg[^>]*>)/, `$1${STYLE}`);
  if (styled.includes(INK) || styled.includes(LINE)) throw new Error('a colour of the chart was not replaced');
  return `${styled}\n`;
}

/**
 * Times over sizes, both as powers of two.
 * @param {{ n: number, us: number, series: string, panel: string }[]} values
 * @param {string[]} series in the order of the legend
 */
export function lines(values, series) {
  return draw({
    data: { values },
    facet: { column: { field: 'panel', title: null, sort: null } },
    resolve: { scale: { y: 'independent' } },
    spec: {
      width: 250,
      height: 230,
      mark: { type: 'line', point: { size: 28 }, strokeWidth: 2 },
      encoding: {
        x: {
          field: 'n',
          type: 'quantitative',
          scale: { type: 'log', base: 2, nice: false },
          axis: { title: 'n of an n × n image', format: 'd', values: [64, 256, 1024, 4096] },
        },
        y: {
          field: 'us',
          type: 'quantitative',
          scale: { type: 'log' },
          axis: { title: 'µs an iteration', format: '~s', tickCount: 5 },
        },
        color: { field: 'series', type: 'nominal', sort: series, legend: { orient: 'bottom' } },
        strokeDash: {
          field: 'series',
          type: 'nominal',
          sort: series,
          scale: { range: series.map((name) => (name.includes('submit') ? [4, 3] : [1, 0])) },
          legend: { orient: 'bottom' },
        },
      },
    },
  });
}

/**
 * Prices, which span orders of magnitude, as dots on a logarithmic line.
 * @param {{ what: string, us: number, layer: string }[]} values
 */
export function dots(values) {
  const y = { field: 'what', type: 'nominal', sort: null, axis: { title: null, labelLimit: 700, grid: true } };
  return draw({
    width: 380,
    height: { step: 22 },
    data: { values },
    layer: [
      {
        mark: { type: 'point', filled: true, size: 70, opacity: 1 },
        encoding: {
          y,
          x: {
            field: 'us',
            type: 'quantitative',
            scale: { type: 'log' },
            axis: { title: 'µs a call', format: '~g', tickCount: 6 },
          },
          color: { field: 'layer', type: 'nominal', sort: null, legend: { orient: 'bottom', columns: 3 } },
        },
      },
    ],
  });
}

/**
 * @param {{ group: string, value: number }[]} values
 * @param {string} title
 */
export function bars(values, title) {
  return draw({
    width: { step: 110 },
    height: 220,
    data: { values },
    mark: { type: 'bar', color: COLOURS[0], size: 40 },
    encoding: {
      x: { field: 'group', type: 'nominal', sort: null, axis: { title: null, labelAngle: 0 } },
      y: { field: 'value', type: 'quantitative', axis: { title, format: '~s', tickCount: 5 } },
    },
  });
}
