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
  readComplexInput,
  readInput,
  writeMask,
  writeOutput,
} from './files.js';
import { examples } from './help.js';
import { interruptible } from './interrupt.js';
import { printer } from './print.js';
import { type SimulateScanOptions, runSimulateScan } from './simulate-scan.js';
import { OBJECT_KINDS, type ObjectKind, type Shape } from '../types.js';
import { finite, numberFrom, oneOf, pair, positive, shape, whole } from './values.js';

interface SimulateOptions extends InputOptions, Omit<SimulateScanOptions, 'scan'> {
  output: string;
  scan?: Shape;
  object?: ObjectKind;
  pad?: number;
  photons?: number;
  beamstop?: number;
  seed: number;
  json?: boolean;
  quiet?: boolean;
}

const PAD = 2;

const HELP = `
The image is padded with zeros, because the magnitudes of an image without an empty frame around it belong to many
images. Beside PATTERN.npy it writes PATTERN.support.npy (1 where the image is) and, with --beamstop, PATTERN.mask.npy
(1 where something was measured), for reconstruct's --support and --mask.

With --scan it simulates ptychography: the image is an object, white is thick, and a beam that a lens has focused at --defocus in
front of it goes over it in steps. SCAN.cxi holds patterns and positions; what is to be found lies beside it, complex, in
SCAN.object.npy and SCAN.probe.npy. --photons are those of one pattern.
`;

export function addSimulate(program: Command): void {
  const command = program
    .command('simulate')
    .description(
      'Write the diffraction pattern of an image, or a ptychographic scan of it, with the noise of a detector if asked for.',
    )
    .argument('<image>', 'image: .npy, .png, .tiff or .h5 (- reads standard input)')
    .requiredOption(
      '-o, --output <pattern>',
      'pattern to write: .npy or .tiff (- writes .npy to standard output), or a scan: .cxi',
    )
    .option(
      '--object <kind>',
      `${OBJECT_KINDS.join(' or ')}: what the image's pixels are (default: real; complex ones from .npy or .cxi)`,
      oneOf('--object', OBJECT_KINDS),
    )
    .option(
      '--pad <factor>',
      `the pattern is this many times larger than the image in both directions (default: ${PAD})`,
      numberFrom('--pad', 1),
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
    .option('--scan <RxC>', 'how many positions', shape('--scan'))
    .option('--step <pixels>', 'of the object, from one position to the next', positive('--step'), 12)
    .option('--detector <RxC>', "pixels of a scan's patterns", shape('--detector'), [128, 128])
    .option('--defocus <metres>', 'from the focus to the object', finite('--defocus'), 1e-4)
    .option('--wavelength <metres>', 'of the beam of a scan', positive('--wavelength'), 1e-10)
    .option('--distance <metres>', 'from the object to the detector', positive('--distance'), 1)
    .option('--pixel <metres>', "of the detector's pixel", pair('--pixel'), [75e-6, 75e-6])
    .option('--seed <number>', 'seed of the noise', whole('--seed', 0), 0)
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      HELP +
        examples([
          'rephase simulate photo.png -o pattern.npy',
          'rephase simulate photo.png -o pattern.npy --photons 1e8 --beamstop 8 --seed 7',
          'rephase simulate specimen.npy -o pattern.npy --object complex --photons 1e8',
          'rephase simulate photo.png -o scan.cxi --scan 20x20 --step 12 --photons 1e6 --defocus 1e-4',
          'rephase simulate photo.png -o - | rephase reconstruct - -o image.png --support 256x256 --algorithm hio',
        ]),
    )
    .action(runSimulate);
  addInputOptions(command, 'image');
}

async function runSimulate(path: string, options: SimulateOptions): Promise<void> {
  const { scan } = options;
  if (scan) {
    const other = (['object', 'pad', 'beamstop'] as const).find((name) => options[name] !== undefined);
    if (other) throw new UsageError(`--${other} is for single patterns, and --scan makes many`);
    return runSimulateScan(path, { ...options, scan });
  }
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
  const { object } = options;
  const image = await (object === 'complex' ? readComplexInput(path) : readInput(path, options));
  const { pad = PAD, photons, seed } = options;
  const pattern = await simulate({
    image: image.data,
    shape: image.shape,
    object,
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
  out.object({ command: 'simulate', image: path, object, ...written, shape, pad, photons, beamstop, seed });
}
