/** What the command line says when it cannot do what it was asked: one line, an exit code, and no half-written files. */
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename } from 'node:path';
import process from 'node:process';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readStream } from '../src/cli/files.js';
import { writeImage } from '../src/formats/files.js';
import { encodeNpy } from '../src/formats/index.js';
import { PROGRAM, execute, runHere, temporaryFolder } from './support/program.js';

const folder = temporaryFolder();
const rephase = (args: readonly string[]) => runHere(args, folder.path);
const program = (args: readonly string[], options: Parameters<typeof execute>[2]) =>
  execute(process.execPath, [PROGRAM, ...args], { cwd: folder.path, ...options });

const SHAPE = [40, 48] as const;
const magnitudes = Float64Array.from({ length: 40 * 48 }, (_, at) => 1 + ((at * 7919) % 101));

afterAll(() => folder.remove());

describe('an error', () => {
  beforeAll(async () => {
    folder.write('pattern.npy', encodeNpy(magnitudes, SHAPE));
    await writeImage(folder.at('image.png'), {
      data: Float32Array.from({ length: 480 }, (_, at) => at),
      shape: [20, 24],
    });
    const change = (name: string, at: number, value: number) => {
      const changed = magnitudes.slice();
      changed[at] = value;
      folder.write(name, encodeNpy(changed, SHAPE));
    };
    change('nan.npy', 50, NaN);
    change('infinite.npy', 50, Infinity);
    change('negative.npy', 50, -1);
    folder.write('zero.npy', encodeNpy(new Float32Array(40 * 48), SHAPE));
    folder.write('small.npy', encodeNpy(new Float32Array(12).fill(1), [3, 4]));
    folder.write('cube.npy', encodeNpy(new Float32Array(24).fill(1), [2, 3, 4]));
    folder.write('text.npy', 'this is no array\n');
    folder.write('empty.npy', '');
    folder.write('short.npy', readFileSync(folder.at('pattern.npy')).subarray(0, 1000));
  });

  const to = ['-o', 'never.png'];
  const pattern = ['reconstruct', 'pattern.npy', ...to];
  const cases: [what: string, args: string[], code: number, message: RegExp][] = [
    ['an unknown command', ['recover'], 2, /unknown command 'recover'/],
    [
      'an unknown option',
      [...pattern, '--iteration', '5'],
      2,
      /unknown option '--iteration' \(Did you mean --iterations\?\)/,
    ],
    ['no output and no name', ['reconstruct', '-'], 2, /-o names the image: a pattern from standard input has no name/],
    ['no pattern', ['reconstruct', ...to], 2, /missing required argument 'pattern'/],
    ['too many patterns', ['reconstruct', 'a.npy', 'b.npy', ...to], 2, /too many arguments/],
    ['an option without its value', [...pattern, '--beta'], 2, /'--beta <number>' argument missing/],
    ['β below 0', [...pattern, '--beta', '-1'], 2, /--beta: got "-1"; takes a number above 0/],
    ['β that is no number', [...pattern, '--beta', 'strong'], 2, /--beta: got "strong"; takes a number above 0/],
    [
      'no iterations',
      [...pattern, '--iterations', '0'],
      2,
      /--iterations: got "0"; takes a whole number of at least 1/,
    ],
    ['half an iteration', [...pattern, '--iterations', '1.5'], 2, /--iterations: got "1.5"; takes a whole number/],
    ['an unknown algorithm', [...pattern, '--algorithm', 'hoi'], 2, /--algorithm: got "hoi"; takes er, gs, hio, /],
    ['a chain', [...pattern, '--chain', 'hio*5+hoi*3'], 2, /chain at character 7: got "hoi\*3"; takes an algorithm/],
    ['a chain of no text', [...pattern, '--chain', ''], 2, /chain at character 1: ends here; takes an algorithm/],
    [
      'a chain and an algorithm',
      [...pattern, '--chain', 'er*5', '--algorithm', 'hio'],
      2,
      /algorithm: cannot be given/,
    ],
    ...['every=0', 'sigma=0', 'threshold=-1', 'area=0.5..0.1', 'guard=0.5'].map(
      (setting): [string, string[], number, RegExp] => [
        `shrink-wrap of ${setting}`,
        [...pattern, '--chain', '(hio*4+er*2)*9', '--shrink-wrap', setting],
        2,
        /--shrink-wrap (every|sigma|threshold|area|guard): got /,
      ],
    ),
    [
      'shrink-wrap that never ends a period',
      [...pattern, '--chain', 'er*9', '--shrink-wrap'],
      2,
      /leaves er at least 3/,
    ],
    [
      'a setting twice',
      [...pattern, '--shrink-wrap=sigma=3..1,sigma=2'],
      2,
      /each setting once, and sigma comes twice/,
    ],
    ['too much held out', [...pattern, '--held-out', '0.9'], 2, /--held-out: got "0.9"; takes a number from 0 to 0.5/],
    ['half a range', [...pattern, '--starts', '3..'], 2, /--starts: got "3\.\."; takes FIRST\.\.LAST/],
    ['a range from below 0', [...pattern, '--starts=-1..3'], 2, /--starts: got "-1\.\.3"; takes FIRST\.\.LAST/],
    ['an α above 1', [...pattern, '--alpha', '2'], 2, /alpha: got 2; takes a number above 0 and at most 1/],
    ['a negative δ', [...pattern, '--delta', '-1'], 2, /--delta: got "-1"; takes a number of at least 0/],
    [
      'refining without generations',
      [...pattern, '--refine', '9', '--chain', 'er*5', '--starts', '3'],
      2,
      /--refine takes --generations/,
    ],
    [
      'generations of one start',
      [...pattern, '--generations', '2', '--chain', 'er*5'],
      2,
      /--generations takes several starts/,
    ],
    [
      'an effort and an algorithm',
      [...pattern, '--effort', 'quick', '--algorithm', 'er'],
      2,
      /--effort chooses the recipe, and --algorithm/,
    ],
    ['an unknown effort', [...pattern, '--effort', 'much'], 2, /--effort: got "much"; takes quick, normal, thorough/],
    ['bounds that are none', [...pattern, '--bounds', '5..1'], 2, /--bounds: got "5\.\.1"; takes LOW\.\.HIGH/],
    ['bounds without 0', [...pattern, '--bounds', '1..5'], 2, /bounds: got .*; takes two numbers \[low, high\]/],
    [
      'a negative tolerance',
      [...pattern, '--tolerance', '-1'],
      2,
      /--tolerance: got "-1"; takes a number of at least 0/,
    ],
    ['no room for magnitudes', [...pattern, '--unmeasured-limit', '0'], 2, /--unmeasured-limit: got "0"; takes/],
    [
      'more pixels than there are',
      [...pattern, '--support-size', '1e9'],
      2,
      /--support-size: got 1000000000; takes an integer from 1 to the number of pixels/,
    ],
    ['a support of no pixel', [...pattern, '--support-size', '0'], 2, /--support-size: got "0"; takes a whole number/],
    ['bounds and no sign', [...pattern, '--bounds', '0..5', '--no-positivity'], 2, /--bounds and --no-positivity both/],
    [
      'an unknown backend',
      [...pattern, '--backend', 'metal'],
      2,
      /--backend: got "metal"; takes cuda, webgpu, wasm, auto/,
    ],
    ['an unknown precision', [...pattern, '--precision', 'half'], 2, /--precision: got "half"; takes single, double/],
    ['no device', [...pattern, '--device', 'every'], 2, /--device: got "every"; takes all, or a whole number/],
    ['a device that is not there', [...pattern, '--backend', 'wasm', '--device', '9'], 2, /device: got 9; takes/],
    ['no starts', [...pattern, '--starts', '0'], 2, /--starts: got "0"; takes a whole number of at least 1/],
    ['a negative seed', [...pattern, '--seed', '-1'], 2, /--seed: got "-1"; takes a whole number of at least 0/],
    ['odd bits', [...pattern, '--bits', '12'], 2, /--bits: got "12"; takes 8, 16/],
    [
      'bits of numbers',
      ['reconstruct', 'pattern.npy', '-o', 'x.npy', '--bits', '8'],
      2,
      /--bits is for PNG, .* x\.npy/,
    ],
    [
      'one start and many',
      [...pattern, '--start', 'pattern.npy', '--starts', '4'],
      2,
      /--start .*, and --starts 4 asks/,
    ],
    ['a support of no rows', [...pattern, '--support', '0x5'], 2, /--support: got "0x5"; takes a file, or ROWSxCOLS/],
    ['a support that is too large', [...pattern, '--support', '41x5'], 2, /--support: got "41x5"; takes .* 40x48/],
    [
      'an unknown image format',
      ['reconstruct', 'pattern.npy', '-o', 'never.gif'],
      2,
      /--output: got "never.gif"; takes .*\.png/,
    ],
    [
      'an unknown history format',
      [...pattern, '--history', 'h.txt'],
      2,
      /--history: got "h.txt"; takes .*\.csv, \.json/,
    ],
    ['an unknown report format', [...pattern, '--report', 'r.pdf'], 2, /--report: got "r.pdf"; takes .*\.html/],
    ['two readers of standard input', ['reconstruct', '-', '--mask', '-', ...to], 2, /only one of .* standard input/],
    [
      'a pad below 1',
      ['simulate', 'image.png', '-o', 'p.npy', '--pad', '0.5'],
      2,
      /--pad: got "0.5"; takes a number of at least 1/,
    ],
    [
      'no photons',
      ['simulate', 'image.png', '-o', 'p.npy', '--photons', '0'],
      2,
      /--photons: got "0"; takes a number above 0/,
    ],
    ['a negative beam stop', ['simulate', 'image.png', '-o', 'p.npy', '--beamstop', '-1'], 2, /--beamstop: got "-1"/],
    [
      'a beam stop over everything',
      ['simulate', 'image.png', '-o', 'p.npy', '--beamstop', '99'],
      2,
      /beamstop: got 99; takes/,
    ],
    ['a pattern of whole numbers', ['simulate', 'image.png', '-o', 'p.png'], 2, /--output: got "p.png"; takes .*\.npy/],
    [
      'photons beyond counting',
      ['simulate', 'image.png', '-o', 'p.npy', '--photons', '1e308'],
      2,
      /photons: got 1e\+308; takes a number above 0 and up to 1e15/,
    ],
    ['sizes that are none', ['bench', '--sizes', '256,x'], 2, /--sizes: got "x"; takes a whole number/],

    ['a missing file', ['reconstruct', 'missing.npy', ...to], 1, /cannot read missing\.npy: no such file/],
    ['a folder', ['reconstruct', '.', ...to], 1, /cannot read \.: it is a folder/],
    [
      'a folder that is not there',
      ['reconstruct', 'pattern.npy', '-o', 'no/where.png'],
      1,
      /cannot write no\/where\.png: there is no folder no/,
    ],
    [
      'a text file named .npy',
      ['reconstruct', 'text.npy', ...to],
      1,
      /text\.npy: .*text that begins "this is no array/,
    ],
    ['an empty file', ['reconstruct', 'empty.npy', ...to], 1, /empty\.npy: .*empty/],
    ['a file that is cut short', ['reconstruct', 'short.npy', ...to], 1, /short\.npy: /],
    ['an array that is no image', ['reconstruct', 'cube.npy', ...to], 1, /cube\.npy: /],
    [
      'NaN',
      ['reconstruct', 'nan.npy', '--no-clean', ...to],
      1,
      /1 pixel \(row 1, column 2\) NaN or infinite \(--mask-nan/,
    ],
    ['infinity', ['reconstruct', 'infinite.npy', '--no-clean', ...to], 1, /1 pixel .* NaN or infinite/],
    [
      'a negative magnitude',
      ['reconstruct', 'negative.npy', '--no-clean', ...to],
      1,
      /1 pixel .* negative \(--mask-negative/,
    ],
    [
      'a negative intensity',
      ['reconstruct', 'negative.npy', '--intensity', ...to],
      1,
      /1 pixel \(row 1, column 2\) negative/,
    ],
    ['an empty pattern', ['reconstruct', 'zero.npy', ...to], 1, /magnitudes: every entry is zero/],
    ['an empty support', [...pattern, '--support', 'zero.npy'], 1, /support: every entry is zero/],
    ['a mask without measurements', [...pattern, '--mask', 'zero.npy'], 1, /mask: every entry is zero/],
    [
      'a support of another shape',
      [...pattern, '--support', 'small.npy'],
      1,
      /--support: small\.npy is 3×4, but .* is 40×48/,
    ],
    ['a mask of another shape', [...pattern, '--mask', 'small.npy'], 1, /--mask: small\.npy is 3×4, but .* is 40×48/],
    [
      'a start of another shape',
      [...pattern, '--start', 'small.npy'],
      1,
      /--start: small\.npy is 3×4, but .* is 40×48/,
    ],
    [
      'a pattern that is too large',
      ['simulate', 'image.png', '-o', 'p.npy', '--pad', '1e4'],
      1,
      /200000 × 240000 pixels .* \(960000000000 bytes\); .* 4 GiB/,
    ],
    ['sizes that are too large', ['bench', '--sizes', '1000000'], 1, /1000000 × 1000000 pixels .* 4 GiB/],
    ['a black image', ['simulate', 'zero.npy', '-o', 'p.npy'], 1, /image: every pixel is zero/],
  ];

  it.each(cases)('about %s is one line that says what is wrong', async (_, args, code, message) => {
    const ended = await rephase(args);
    expect(ended.stderr).toMatch(message);
    expect(ended.stderr).toMatch(/^rephase: [^\n]+\n$/);
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code, stdout: '' });
    expect(existsSync(folder.at('never.png'))).toBe(false);
  });

  it('about an output that cannot be written comes before the run, which would take for ever', async () => {
    mkdirSync(folder.at('folder.npy'));
    mkdirSync(folder.at('folder.html'));
    mkdirSync(folder.at('s.support.npy'));
    symlinkSync('loop.npy', folder.at('loop.npy'));
    symlinkSync('gone/x.npy', folder.at('link-to-no-folder.npy'));
    const endless = [...pattern.slice(0, 2), '--iterations', '1e12', '-q'];
    const outputs: [string[], RegExp][] = [
      [['-o', 'folder.npy'], /--output: cannot write folder\.npy: it is a folder/],
      [['-o', 'loop.npy'], /--output: cannot write loop\.npy: its links form a loop/],
      [['-o', 'link-to-no-folder.npy'], /cannot write link-to-no-folder\.npy: there is no folder \S*gone/],
      [['-o', 'pattern.npy/x.npy'], /a part of the path is not a folder/],
      [['-o', '/proc/image.npy'], /--output: cannot write \/proc\/image\.npy: /],
      [['-o', `${'n'.repeat(300)}.npy`], /the name is too long/],
      [['-o', 'image.npy', '--report', 'folder.html'], /--report: cannot write folder\.html: it is a folder/],
      [['-o', 'image.npy', '--history', 'no/h.csv'], /--history: cannot write no\/h\.csv: there is no folder no/],
    ];
    for (const [args, message] of outputs) {
      const { code, stderr } = await rephase([...endless, ...args]);
      expect(stderr).toMatch(message);
      expect(code).toBe(1);
    }
    const { stderr } = await rephase(['simulate', 'image.png', '-o', 's.npy']);
    expect(stderr).toMatch(/the support of --output: cannot write s\.support\.npy: it is a folder/);
    expect(existsSync(folder.at('s.npy'))).toBe(false);
  });

  it.skipIf(!existsSync('/dev/full'))('about a full disk behind standard output is said by every command', async () => {
    for (const command of [
      'backends',
      '--help',
      'inspect pattern.npy',
      'simulate image.png -o -',
      'reconstruct pattern.npy --iterations 1 -q -o -',
    ]) {
      const { code, stderr } = await execute(
        'sh',
        ['-c', `"${process.execPath}" "${PROGRAM}" ${command} > /dev/full`],
        {
          cwd: folder.path,
        },
      );
      const option = command.endsWith('-o -') ? '--output: ' : '';
      expect(stderr).toBe(`rephase: ${option}cannot write to standard output: the disk is full\n`);
      expect(code).toBe(1);
    }
  });

  it('about an image whose reader leaves before its end says so', async () => {
    folder.write('large.npy', encodeNpy(new Float32Array(512 * 512).fill(1), [512, 512]));
    const command = `"${process.execPath}" "${PROGRAM}" reconstruct large.npy --iterations 1 -q -o - | head -c 10`;
    const script = `${command} > /dev/null; exit \${PIPESTATUS[0]}`;
    const { code, stderr } = await execute('bash', ['-c', script], { cwd: folder.path });
    expect(stderr).toBe('rephase: --output: cannot write to standard output: its reader has closed it\n');
    expect(code).toBe(1);
  });

  it('about standard input that is too large names its limit', async () => {
    const chunk = new Uint8Array(2 ** 28);
    const read = (chunks: number) => readStream(Readable.from(Array.from({ length: chunks }, () => chunk)));
    await expect(read(8)).rejects.toThrow('cannot read standard input: it is larger than 2 GiB');
    expect(await readStream(Readable.from([Buffer.from('ab'), Buffer.from('c')]))).toEqual(Buffer.from('abc'));
  });

  it('shows control characters escaped, wherever they come from', async () => {
    const name = 'a\u001b]0;b\u009b1m\u202ec';
    const shown = 'a\\x1b]0;b\\x9b1m\\u202ec';
    for (const args of [
      [`--${name}`],
      [name],
      ['reconstruct', name, ...to],
      ['reconstruct', 'pattern.npy', '-o', name],
      ['reconstruct', 'pattern.npy', '-o', `${name}/x.npy`],
      [...pattern, '--algorithm', name],
      [...pattern, '--device', name],
    ]) {
      const { stderr, stdout } = await rephase([...args, '--json']);
      expect(stderr.replaceAll('\\\\x1b', '\\x1b').replaceAll('\\u001b', '\\x1b')).toContain(shown);
      expect(stderr + stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    }
    folder.write(`${name}.npy`, readFileSync(folder.at('pattern.npy')));
    const run = ['reconstruct', `${name}.npy`, '--iterations', '1', '-o', `${name}.tif`, '--report', `${name}.html`];
    const { stdout } = await rephase([...run, '--json']);
    expect(stdout).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(JSON.parse(stdout)).toMatchObject({ pattern: `${name}.npy`, output: `${name}.tif` });
    const report = readFileSync(folder.at(`${name}.html`), 'utf8');
    expect(report).not.toContain(name);
    expect(report).toContain(`$&#39;${shown}.npy&#39;`);
  });

  it('about a file that would be overwritten by what is made of it leaves it as it was', async () => {
    for (const [link, target] of [
      ['link.npy', 'pattern.npy'],
      ['beside.npy', 'history.json'],
    ] as const) {
      symlinkSync(folder.at(target), folder.at(link));
    }
    for (const name of ['history.json', 'p.support.npy', 'q.mask.npy']) {
      folder.write(name, readFileSync(folder.at('small.npy')));
    }
    const reconstruct = ['reconstruct', 'pattern.npy', '--iterations', '1'];
    const [support, mask] = [
      ['--support', 'p.support.npy'],
      ['--mask', 'q.mask.npy'],
    ];
    for (const [args, message] of [
      [[...reconstruct, '-o', 'pattern.npy'], '--output: pattern.npy would overwrite the pattern'],
      [[...reconstruct, '-o', `../${basename(folder.path)}/pattern.npy`], 'would overwrite the pattern'],
      [[...reconstruct, '-o', 'link.npy'], '--output: link.npy would overwrite the pattern'],
      [['reconstruct', 'link.npy', '-o', 'pattern.npy'], '--output: pattern.npy would overwrite the pattern'],
      [[...reconstruct, ...support, '-o', './p.support.npy'], 'would overwrite the support'],
      [[...reconstruct, ...mask, '-o', 'q.mask.npy'], 'would overwrite the mask'],
      [[...reconstruct, '--start', 'small.npy', '-o', 'small.npy'], 'would overwrite the start'],
      [
        [...reconstruct, '-o', 'beside.npy', '--history', 'history.json'],
        '--history: history.json would overwrite --output',
      ],
      [['simulate', 'small.npy', '-o', 'small.npy'], '--output: small.npy would overwrite the image'],
      [
        ['simulate', 'p.support.npy', '-o', 'p.npy'],
        'the support of --output: p.support.npy would overwrite the image',
      ],
      [
        ['simulate', 'q.mask.npy', '-o', 'q.npy', '--beamstop', '0'],
        'the mask of --output: q.mask.npy would overwrite',
      ],
    ] as const) {
      const { code, stderr } = await rephase(args);
      expect(stderr).toContain(message);
      expect(code).toBe(2);
    }
    expect(readFileSync(folder.at('pattern.npy'))).toEqual(Buffer.from(encodeNpy(magnitudes, SHAPE)));
    for (const name of ['small.npy', 'history.json', 'p.support.npy', 'q.mask.npy']) {
      expect(readFileSync(folder.at(name))).toEqual(readFileSync(folder.at('small.npy')));
    }
    // A rectangle is no file, and a mask that is not written overwrites nothing.
    expect((await rephase(['simulate', 'q.mask.npy', '-o', 'q.npy'])).code).toBe(0);
  });

  it('about a backend that cannot run here is a failed run', async () => {
    const { backends } = JSON.parse((await rephase(['backends', '--json'])).stdout) as {
      backends: { name: string; available: boolean }[];
    };
    for (const { name } of backends.filter(({ available }) => !available)) {
      const { code, stderr } = await rephase([...pattern, '--backend', name]);
      expect(code).toBe(1);
      expect(stderr).toMatch(new RegExp(`^rephase: the ${name} backend is not available: .+\n$`));
    }
  });

  it('about what standard input holds names standard input', async () => {
    const { code, stderr } = await program(['reconstruct', '-', ...to], { input: 'no image' });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^rephase: standard input: /) as string,
    });
  });

  it('about REPHASE_BACKEND names it', async () => {
    const { code, stderr } = await program(pattern, { env: { REPHASE_BACKEND: 'metal' } });
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('REPHASE_BACKEND: got "metal"') as string,
    });
  });

  it('is an object on standard output with --json', async () => {
    const errorOf = async (args: string[]) => {
      const { stdout } = await rephase([...args, '--json']);
      return (JSON.parse(stdout) as { error: { code: string; message: string } }).error;
    };
    expect(await errorOf(['reconstruct', 'missing.npy', ...to])).toEqual({
      code: 'FILE_ACCESS',
      message: 'cannot read missing.npy: no such file or folder',
    });
    expect((await errorOf([...pattern, '--iteration', '5'])).code).toBe('USAGE');
    expect((await errorOf(['reconstruct', 'pattern.npy', '-o', '-'])).message).toMatch(/^--json and -o - cannot both/);
  });

  it('shows where it came from with REPHASE_DEBUG', async () => {
    const { stderr } = await program(['reconstruct', 'missing.npy', ...to], { env: { REPHASE_DEBUG: '1' } });
    expect(stderr).toMatch(/\n {4}at /);
  });
});
