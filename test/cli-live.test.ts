/** `--preview` and `--watch`: what is seen of a run while it goes on. */
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { decode } from 'fast-png';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { drawn, previewOf } from '../src/cli/live/terminal.js';
import { writeImage } from '../src/formats/files.js';
import { simulate } from '../src/index.js';
import { noise } from './support/images.js';
import { PROGRAM, endsWithFile, execute, temporaryFolder } from './support/program.js';

/** Black, white and two greys: a row above, and a row below. */
const QUARTERS = { data: Float32Array.of(0, 255, 51, 204), shape: [2, 2] as const };

describe('an image on a terminal', () => {
  it('is two rows of pixels to a line of half blocks', () => {
    const [upper, lower] = [
      [0, 51],
      [255, 204],
    ].map(([above, below]) => `\x1b[38;2;${above};${above};${above};48;2;${below};${below};${below}m▀`);
    expect(drawn(QUARTERS, 'blocks', 1)).toBe(`${upper}${lower}\x1b[0m`);
  });

  it("is a PNG in commands of kitty's, none longer than 4096 bytes", () => {
    const image = { data: noise(128 * 96, 1), shape: [128, 96] as const };
    const commands = [...drawn(image, 'kitty', 12).matchAll(/\x1b_G([^;]*);([^\x1b]*)\x1b\\/g)];
    expect(commands.length).toBeGreaterThan(1);
    expect(commands[0][1]).toBe('a=T,f=100,i=1,p=1,q=2,C=1,r=12,m=1');
    expect(commands.at(-1)![1]).toBe('m=0');
    for (const [, , text] of commands) expect(text.length).toBeLessThanOrEqual(4096);
    const png = decode(Buffer.from(commands.map(([, , text]) => text).join(''), 'base64'));
    expect([png.height, png.width]).toEqual([128, 96]);
  });

  it('is bands of sixels, from which every pixel can be read again', () => {
    const text = drawn(QUARTERS, 'sixel', 1);
    const [, columns, rows] = /^\x1bPq"1;1;(\d+);(\d+)/.exec(text)!.map(Number);
    expect([rows, columns]).toEqual([18, 18]);
    const greys = new Map([...text.matchAll(/#(\d+);2;(\d+);/g)].map(([, index, percent]) => [index, Number(percent)]));
    const pixels = Array.from({ length: rows }, () => new Array<number>(columns).fill(NaN));
    const bands = text.slice(text.lastIndexOf(';') + 1).split('-');
    bands.forEach((band, at) => {
      for (const [, grey, runs] of band.matchAll(/#(\d+)((?:!\d+[?-~])+)\$/g)) {
        let column = 0;
        for (const [, count, character] of runs.matchAll(/!(\d+)([?-~])/g)) {
          const bits = character.charCodeAt(0) - 63;
          for (const end = column + Number(count); column < end; column++) {
            for (let bit = 0; bit < 6; bit++) if (bits & (1 << bit)) pixels[6 * at + bit][column] = greys.get(grey)!;
          }
        }
      }
    });
    expect([pixels[0][0], pixels[0][17], pixels[17][0], pixels[17][17]]).toEqual([0, 100, 19, 81]);
    expect(pixels.flat().some(Number.isNaN)).toBe(false);
  });

  it.each([
    [{ TERM: 'xterm-kitty' }, 'kitty'],
    [{ TERM: 'xterm-256color', TERM_PROGRAM: 'WezTerm' }, 'kitty'],
    [{ TERM: 'foot' }, 'sixel'],
    [{ TERM: 'xterm-256color' }, 'blocks'],
    [{}, 'blocks'],
  ])('is of the kind that the terminal of %j shows: %s', (environment, kind) => {
    expect(previewOf(environment)).toBe(kind);
  });
});

describe('a run', () => {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());
  const SCAN = fileURLToPath(new URL('fixtures/scan-cdtools.h5', import.meta.url));
  const ENDLESS = ['reconstruct', 'pattern.npy', '-o', 'image.npy', '--support', '24x24', '--chain', 'hio*1000000000'];

  beforeAll(async () => {
    const { magnitudes, shape } = await simulate({ image: noise(24 * 24, 3), shape: [24, 24] });
    await writeImage(folder.at('pattern.npy'), { data: magnitudes, shape });
  });

  const run = (args: readonly string[]) => execute(process.execPath, [PROGRAM, ...args], { cwd: folder.path });

  /** Starts a run, and resolves when it has printed this. */
  async function running(args: readonly string[], printed: RegExp) {
    const child = endsWithFile(spawn(process.execPath, [PROGRAM, ...args], { cwd: folder.path }));
    onTestFinished(() => void child.kill('SIGKILL'));
    const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
    const match = await new Promise<RegExpExecArray>((resolve, reject) => {
      let stderr = '';
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
        const found = printed.exec(stderr);
        if (found) resolve(found);
      });
      child.on('close', () => reject(new Error(stderr)));
    });
    return { child, closed, match };
  }

  it('draws its image again and again where a kind of preview is named, and nothing without a terminal', async () => {
    const { child, closed } = await running([...ENDLESS, '--preview', 'blocks'], /(\x1b7\x1b\[24A\r[^]*?\x1b8[^]*){2}/);
    child.kill('SIGINT');
    expect(await closed).toBe(130);
    const { stderr } = await run([...ENDLESS.slice(0, -1), 'hio*20', '--preview']);
    expect(stderr).not.toContain('\x1b');
  });

  it('serves a page, the image and its progress to this machine', async () => {
    const { child, closed, match } = await running(
      [...ENDLESS, '--watch', '0'],
      /watched at (http:\/\/127\.0\.0\.1:\d+\/)/,
    );
    const [, address] = match;
    expect(await (await fetch(address)).text()).toContain('<h1>rephase: pattern.npy</h1>');
    expect((await fetch(`${address}nothing`)).status).toBe(404);
    const events = await fetch(`${address}events`);
    const reader = events.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    while (!/event: points\n[^]*event: progress\ndata: \{"iteration":\d+[^]*event: image\n/.test(text)) {
      text += (await reader.read()).value!;
    }
    const image = decode(new Uint8Array(await (await fetch(`${address}image.png`)).arrayBuffer()));
    // Cut to the support.
    expect([image.height, image.width]).toEqual([24, 24]);
    child.kill('SIGINT');
    expect(await closed).toBe(130);
    await expect(fetch(address)).rejects.toThrow();
  });

  it('shows the phase of a scan, on a terminal and on a page', async () => {
    const { child, closed, match } = await running(
      ['ptycho', SCAN, '-o', 'phase.npy', '--iterations', '1000000000', '--preview', 'blocks', '--watch', '0'],
      /watched at (\S+)[^]*(\x1b7\x1b\[24A\r[^]*?\x1b8[^]*){2}/,
    );
    expect(await (await fetch(match[1])).text()).toContain(`<h1>rephase: ${SCAN}</h1>`);
    const image = decode(new Uint8Array(await (await fetch(`${match[1]}image.png`)).arrayBuffer()));
    // As large as the part of the object that got light, at most all of it.
    expect(image.height).toBeGreaterThan(1);
    expect(image.width).toBeGreaterThan(1);
    expect(new Set(image.data).size).toBeGreaterThan(2);
    child.kill('SIGINT');
    expect(await closed).toBe(130);
    const { code, stderr } = await run(['ptycho', SCAN, '--preview']);
    expect(code).toBe(2);
    expect(stderr).toBe('rephase: --preview takes -o, without which nothing runs\n');
  });

  it('refuses pages of other names', async () => {
    const { child, closed, match } = await running(
      [...ENDLESS, '--watch', '0'],
      /watched at http:\/\/127\.0\.0\.1:(\d+)/,
    );
    const port = Number(match[1]);
    const answer = await execute(process.execPath, [
      '-e',
      `require('node:http').get({ port: ${port}, headers: { host: 'elsewhere.example' } }, (it) => console.log(it.statusCode))`,
    ]);
    expect(answer.stdout.trim()).toBe('403');
    child.kill('SIGINT');
    await closed;
  });

  it('says in one line which port or kind it does not take', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as { port: number };
    const quick = [...ENDLESS.slice(0, -1), 'hio*20'];
    const refused = async (args: readonly string[]) => {
      const { code, stderr } = await run([...quick, ...args]);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refused(['--watch', String(port)])).toBe(
      `rephase: --watch: got "port ${port}, which is in use"; takes a free port, or 0 for any\n`,
    );
    expect(await refused(['--watch', '65536'])).toMatch(/^rephase: --watch: got "65536"; takes .*\n$/);
    expect(await refused(['--preview', 'colours'])).toMatch(
      /^rephase: --preview: got "colours"; takes auto, kitty, .*\n$/,
    );
  });
});
