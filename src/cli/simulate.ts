/** `rephase simulate`: writes the diffraction pattern that a detector would record of an image. */
import { type Command } from 'commander';
import { simulate } from '../tools/simulate.js';
import { UsageError } from './exit.js';
import {
  type InputOptions,
  addInputOptions,
  besides,
  checkDistinct,
  checkOutput,
  readInput,
  writeMask,
  writeOutput,
} from './files.js';
import { examples } from './help.js';
import { interruptible } from './interrupt.js';
import { printer } from './print.js';
import { numberFrom, positive, whole } from './values.js';

interface SimulateOptions extends InputOptions {
  output: string;
  pad: number;
  photons?: number;
  beamstop?: number;
  seed: number;
  json?: boolean;
  quiet?: boolean;
}

const HELP = `
The image is padded with zeros, because the magnitudes of an image without an empty frame around it belong to many
images. Beside PATTERN.npy it writes PATTERN.support.npy (1 where the image is) and, with --beamstop, PATTERN.mask.npy
(1 where something was measured), for reconstruct's --support and --mask.
`;

export function addSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description(
      'Write the magnitudes of the Fourier transform of an image, with the noise of a detector if asked for.',
    )
    .argument('<image>', 'image: .npy, .png, .tiff or .h5 (- reads standard input)')
    .requiredOption('-o, --output <pattern>', 'pattern to write: .npy or .tiff (- writes .npy to standard output)')
    .option(
      '--pad <factor>',
      'the pattern is this many times larger than the image in both directions',
      numberFrom('--pad', 1),
      2,
    )
    .option(
      '--photons <number>',
      'photons on the detector in all, with Poisson noise (no noise if left out)',
      positive('--photons'),
    )
    .option(
      '--beamstop <pixels>',
      'radius of the beam stop around the zero frequency, where nothing is measured',
      numberFrom('--beamstop', 0),
    )
    .option('--seed <number>', 'seed of the noise', whole('--seed', 0), 0)
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      HELP +
        examples([
          'rephase simulate photo.png -o pattern.npy',
          'rephase simulate photo.png -o pattern.npy --photons 1e8 --beamstop 8 --seed 7',
          'rephase simulate photo.png -o - | rephase reconstruct - -o image.png --support 256x256 --algorithm hio',
        ]),
    )
    .action(runSimulate);
  addInputOptions(command, 'image');
}

async function runSimulate(path: string, options: SimulateOptions): Promise<void> {
  const toStdout = options.output === '-';
  if (toStdout && options.json) throw new UsageError('--json and -o - cannot both write to standard output');
  await checkOutput('--output', options.output, ['.npy', '.tif', '.tiff'], true);
  const { output, beamstop } = options;
  const supportPath = toStdout ? undefined : besides(output, 'support');
  const maskPath = toStdout || beamstop === undefined ? undefined : besides(output, 'mask');
  if (supportPath !== undefined) await checkOutput('the support of --output', supportPath, ['.npy']);
  if (maskPath !== undefined) await checkOutput('the mask of --output', maskPath, ['.npy']);
  await checkDistinct(
    [{ what: 'the image', path }],
    [
      { what: '--output', path: output },
      { what: 'the support of --output', path: supportPath },
      { what: 'the mask of --output', path: maskPath },
    ],
  );
  const out = printer(options, toStdout);
  const image = await readInput(path, options);
  const { pad, photons, seed } = options;
  const pattern = await simulate({
    image: image.data,
    shape: image.shape,
    pad,
    seed,
    ...(photons !== undefined && { photons }),
    ...(beamstop !== undefined && { beamstop }),
  });
  const { magnitudes, shape, support, mask } = pattern;
  // A signal meanwhile lets all three be finished.
  await interruptible(async () => {
    await writeOutput(output, { data: magnitudes, shape });
    if (supportPath !== undefined) await writeMask(supportPath, support, shape);
    if (maskPath !== undefined && mask) await writeMask(maskPath, mask, shape);
  }, options);
  out.line(`${image.shape.join('×')} image → ${shape.join('×')} pattern`);
  out.line(`wrote ${[output, supportPath, maskPath].filter((written) => written !== undefined).join(', ')}`);
  const written = { pattern: output, support: supportPath, mask: maskPath };
  out.object({ command: 'simulate', image: path, ...written, shape, pad, photons, beamstop, seed });
}
