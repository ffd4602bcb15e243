/** What the command line says of a pattern, and what it does when a run fails. */
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { fftshift } from '../src/tools/fftshift.js';
import { readImage, writeImage } from '../src/formats/files.js';
import { encodeNpy } from '../src/formats/index.js';
import { simulate } from '../src/index.js';
import { noise } from './support/images.js';
import { runHere, temporaryFolder } from './support/program.js';

const folder = temporaryFolder();
const rephase = (...args: string[]) => runHere(args, folder.path);
const RUN = ['--support', '20x24', '--algorithm', 'hio', '--iterations', '30', '--backend', 'wasm'];

interface Said {
  measured: number;
  warnings: { code: string }[];
  done: string[];
  suggestion: string;
}

beforeAll(async () => {
  const { magnitudes, shape } = await simulate({ image: noise(20 * 24, 3), shape: [20, 24], pad: 3 });
  const greatest = magnitudes.reduce((most, value) => Math.max(most, value), 0);
  const counts = fftshift(magnitudes, shape).map((value) => Math.round(1e6 * (value / greatest) ** 2));
  await writeImage(folder.at('counts.npy'), { data: counts, shape });
  counts[10 * shape[1] + 50] = counts[40 * shape[1] + 9] = 2 ** 32 - 1;
  await writeImage(folder.at('dead.npy'), { data: counts, shape });
});

afterAll(() => folder.remove());

it('inspect says what is there, suggests a command line that works, and draws a picture', async () => {
  const { code, stdout } = await rephase('inspect', 'dead.npy', '-o', 'picture.png', '--json');
  expect(code).toBe(0);
  const said = JSON.parse(stdout) as Said;
  expect(said.warnings.map((warning) => warning.code)).toEqual(['SATURATED']);
  expect(said.suggestion).toMatch(/dead\.npy .*--intensity --centered --saturation auto$/);
  expect(readFileSync(folder.at('picture.png')).subarray(1, 4).toString()).toBe('PNG');
  const words = said.suggestion.split(' ').slice(1);
  expect((await rephase(...words, '--iterations', '5')).code).toBe(0);
});

it('inspect takes a frame of a stack and a mask, and suggests them as a shell takes them', async () => {
  const { data, shape } = await readImage(folder.at('counts.npy'));
  folder.write("it's 2.npy", encodeNpy(Float64Array.from([...data.map(() => 1), ...data]), [2, ...shape]));
  folder.write('good pixels.npy', encodeNpy(new Uint8Array(data.length), shape));
  const args = ["it's 2.npy", '--frame', '1', '--mask', 'good pixels.npy', '--mask-bad', '--json'];
  const { suggestion, measured } = JSON.parse((await rephase('inspect', ...args)).stdout) as Said;
  expect(measured).toBe(1);
  expect(suggestion).toContain(
    "reconstruct 'it'\\''s 2.npy' -o image.png --frame 1 --mask 'good pixels.npy' --mask-bad",
  );
});

it('reconstruct warns on stderr and in its object, not of what an option mends', async () => {
  const args = ['reconstruct', 'dead.npy', '-o', 'out.npy', '--intensity', '--centered', ...RUN];
  const plain = await rephase(...args);
  expect(plain.stderr).toMatch(
    /^rephase: warning: the pattern: 2 pixels \(row 10, column 50; row 40, column 9\) .*\n$/,
  );
  const mended = JSON.parse((await rephase(...args, '--saturation', 'auto', '--json')).stdout) as Said;
  expect(mended).toMatchObject({ warnings: [], done: [expect.stringMatching(/^left out 2 pixels/)] });
  expect(mended.measured).toBeCloseTo(1 - 2 / (60 * 72), 10);
  const cleaned = await rephase(...args, '--clean');
  expect(cleaned.stderr).toMatch(/^rephase: left out 2 pixels .*\n$/);
});

it('says nothing of a pattern that is right', async () => {
  const { stderr } = await rephase('reconstruct', 'counts.npy', '-o', 'out.npy', '--intensity', '--centered', ...RUN);
  expect(stderr).toBe('');
});

it('a run that diverged is a failed run and writes nothing', async () => {
  const beta = ['--algorithm', 'input-output', '--beta', '1e6'];
  const args = ['reconstruct', 'counts.npy', '-o', 'never.npy', '--intensity', '--centered', ...RUN, ...beta];
  const { code, stdout, stderr } = await rephase(...args, '--json');
  expect(code).toBe(1);
  expect(stderr).toMatch(/the run failed/);
  expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'DIVERGED' } });
  expect(existsSync(folder.at('never.npy'))).toBe(false);
});
