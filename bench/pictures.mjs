/**
 * The pictures of docs/five-minutes.md: a photograph, its pattern, and the image after more and more iterations of
 * `(hio:0.7*180+er*20)*10`. And that of docs/quality.md, from bench/results/quality.json. node bench/pictures.mjs
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createSession, fftshift, simulate } from '../dist/index.js';
import { readImage, writeImage } from '../dist/files.js';

const path = (/** @type {string} */ name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
mkdirSync(path('docs/pictures'), { recursive: true });

const SIZE = 128;
const photograph = await readImage(path('examples/camera.png'));
const factor = photograph.shape[0] / SIZE;
const image = new Float32Array(SIZE * SIZE);
photograph.data.forEach((value, i) => {
  const [row, column] = [Math.floor(i / photograph.shape[1] / factor), Math.floor((i % photograph.shape[1]) / factor)];
  image[row * SIZE + column] += value / factor ** 2;
});
const problem = await simulate({ image, shape: [SIZE, SIZE], photons: 1e10 });

await save('object', image, [SIZE, SIZE]);
const pattern = fftshift(problem.magnitudes, problem.shape).map((magnitude) => Math.log10(1 + magnitude));
await writeImage(path('docs/pictures/pattern.png'), { data: pattern, shape: problem.shape });

const session = await createSession(problem, { backend: 'wasm', seed: 1 });
for (const after of [1, 10, 100, 2000]) {
  while (session.iterations < after) {
    const inRound = session.iterations % 200;
    const isLast = inRound >= 180;
    session.use(isLast ? { algorithm: 'er' } : { algorithm: 'hio', beta: 0.7 });
    await session.run(Math.min(after - session.iterations, (isLast ? 200 : 180) - inRound));
  }
  const found = await session.readFeasible();
  const cut = Float32Array.from(image, (_, i) => found[Math.floor(i / SIZE) * problem.shape[1] + (i % SIZE)]);
  await save(`after-${after}`, cut, [SIZE, SIZE]);
}
session.dispose();

/** @param {string} name @param {Float32Array} data @param {readonly [number, number]} shape */
function save(name, data, shape) {
  return writeImage(path(`docs/pictures/${name}.png`), { data, shape }, { range: [0, 255] });
}

writeFileSync(
  path('docs/pictures/frc.svg'),
  correlations(JSON.parse(readFileSync(path('bench/results/quality.json'), 'utf8'))),
);

/**
 * Fourier ring correlations with the truth against the frequency: a panel for each image with a tight support, a curve for each
 * number of photons.
 * @param {{ rows: { image: string, known: string, photons: number, frc: number[] }[] }} results
 */
function correlations({ rows }) {
  const [width, height, left, top] = [210, 150, 34, 26];
  const cases = rows.filter(({ known }) => known === 'tight support');
  const names = [...new Set(cases.map(({ image }) => image))];
  const counts = [...new Set(cases.map(({ photons }) => photons))].sort((a, b) => a - b);
  const colours = ['#c1442d', '#c98a1b', '#2b6cb0'];
  const panels = names.map((name, at) => {
    const x0 = left + at * (width + 40);
    const across = (/** @type {number} */ frequency) => (x0 + 2 * frequency * width).toFixed(1);
    const up = (/** @type {number} */ correlation) => (top + height * (1 - correlation)).toFixed(1);
    const curves = counts.map((count, i) => {
      const { frc } = cases.find(({ image, photons }) => image === name && photons === count) ?? { frc: [] };
      const points = frc.map((value, ring) => `${across((ring + 0.5) / (2 * frc.length))},${up(value)}`).join(' ');
      return `<polyline points="${points}" fill="none" stroke="${colours[i]}" stroke-width="1.5"/>`;
    });
    const marks = [0, 0.25, 0.5].map(
      (f) => `<text x="${across(f)}" y="${top + height + 14}" text-anchor="middle">${f}</text>`,
    );
    const levels = [0, 0.5, 1].map(
      (c) =>
        `<path d="M${x0} ${up(c)}h${width}" stroke="#bbb" stroke-width="0.5"/><text x="${x0 - 4}" y="${Number(up(c)) + 4}" text-anchor="end">${c}</text>`,
    );
    return [`<text x="${x0}" y="${top - 10}">${name}</text>`, ...levels, ...marks, ...curves].join('\n');
  });
  const legend = counts.map((count, i) => {
    const x = left + 130 * i;
    return `<path d="M${x} ${top + height + 34}h20" stroke="${colours[i]}" stroke-width="2"/><text x="${x + 26}" y="${top + height + 38}">${count.toExponential().replace('e+', 'e')} photons</text>`;
  });
  const [all, tall] = [left + names.length * (width + 40), top + height + 48];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${all} ${tall}" font-family="sans-serif" font-size="11" fill="#333">
<rect width="${all}" height="${tall}" fill="#fff"/>
${[...panels, ...legend].join('\n')}
</svg>
`;
}
