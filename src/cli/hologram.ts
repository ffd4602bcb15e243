/** `rephase hologram`: the phases of a light modulator whose far field is a picture or an array of spots. */
import { type Command } from 'commander';
import { HOLOGRAM_METHODS, hologram, type Hologram, type HologramMethod } from '../tools/hologram.js';
import { fftshift, ifftshift } from '../tools/fftshift.js';
import { magnitudesFromIntensities } from '../tools/intensities.js';
import { type BackendName, type Precision, type Shape } from '../types.js';
import { UsageError, usage } from './exit.js';
import {
  type Image,
  type InputOptions,
  addInputOptions,
  checkDistinct,
  checkOutput,
  isPng,
  readInput,
  writeOutput,
} from './files.js';
import { examples } from './help.js';
import { interruptible } from './interrupt.js';
import { brief, printer } from './print.js';
import { progressBar } from './progress.js';
import { readMatching } from './problem.js';
import { oneOf, positive, shape as shapeOf, whole } from './values.js';
import { addWhereOptions } from './where.js';

interface HologramCliOptions extends InputOptions {
  output: string;
  size?: Shape;
  magnitudes?: boolean;
  corner?: boolean;
  method?: HologramMethod;
  iterations?: number;
  feedback?: number;
  light?: string;
  noise?: string;
  mixing?: number;
  bits?: number;
  fillFactor?: number;
  farField?: string;
  seed: number;
  backend: BackendName | 'auto';
  device?: number;
  precision: Precision;
  json?: boolean;
  quiet?: boolean;
}

const HELP = `
The target is what the far field is to look like: its numbers are intensities, and the zero frequency is in its middle. The
modulator has as many pixels as the target, or --size of them, with the target in the middle of their far field. PNG holds
the levels of the modulator, 0 to 2^bits - 1 for phases from 0 to 2π, in 8 bits a pixel or in 16 where there are more;
.npy and .tiff hold radians. Uniformity is 1 - (max - min)/(max + min) of the intensity by the wanted one.
`;

export function addHologram(program: Command): void {
  const command = program
    .command('hologram')
    .description('Find the phases of a light modulator whose far field is a picture or an array of spots.')
    .argument('<target>', 'wanted intensities: .npy, .png, .tiff or .h5 (- reads standard input)')
    .requiredOption('-o, --output <phase>', 'phases to write: .png, .npy or .tiff (- writes .npy to standard output)')
    .option(
      '--size <RxC>',
      'pixels of the modulator, such as 1080x1920 (default: those of the target)',
      shapeOf('--size'),
    )
    .option('--magnitudes', 'the target holds magnitudes, the square roots of intensities')
    .option('--corner', 'the zero frequency is at the corner of the target, not in its middle')
    .option('--method <name>', `${HOLOGRAM_METHODS.join(', ')} (default: kim)`, oneOf('--method', HOLOGRAM_METHODS))
    .option('--iterations <number>', 'how many iterations (default: 30)', whole('--iterations', 1))
    .option('--feedback <number>', 'how strongly weights follow, up to 1 (default: 1)', positive('--feedback'))
    .option('--light <file>', 'intensities of the light on the modulator (default: the same everywhere)')
    .option('--noise <file>', 'image that is not zero where the far field may be anything')
    .option('--mixing <number>', 'with --noise: the weight of the target, below 1 (default: 0.4)', positive('--mixing'))
    .option('--bits <number>', 'the modulator has 2^bits levels (default: 8 for PNG)', whole('--bits', 1))
    .option('--fill-factor <share>', 'the share of a pixel that modulates, up to 1', positive('--fill-factor'))
    .option('--far-field <file>', 'write the intensities of the far field: .npy, .png or .tiff')
    .option('--seed <number>', 'seed of the random start', whole('--seed', 0), 0);
  addWhereOptions(command)
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'no progress bar, and print nothing but errors')
    .addHelpText(
      'after',
      HELP +
        examples([
          'rephase hologram spots.png -o phase.png',
          'rephase hologram spots.png -o phase.png --size 1080x1920 --bits 10',
          'rephase hologram photo.png -o phase.npy --noise frame.png --feedback 0.5 --far-field seen.png',
        ]),
    )
    .action(runHologram);
  addInputOptions(command, 'target');
}

async function runHologram(path: string, options: HologramCliOptions): Promise<void> {
  const { output, farField, light, noise, json, bits = isPng(output) ? 8 : undefined } = options;
  if (output === '-' && json) throw new UsageError('--json and -o - cannot both write to standard output');
  if (options.mixing !== undefined && noise === undefined) {
    throw new UsageError('--mixing weighs the target against --noise, and takes it');
  }
  await checkOutput('--output', output, ['.npy', '.png', '.tif', '.tiff'], true);
  if (farField !== undefined) await checkOutput('--far-field', farField, ['.npy', '.png', '.tif', '.tiff']);
  const inputs = [
    { what: 'the target', path },
    { what: '--light', path: light },
    { what: '--noise', path: noise },
  ];
  await checkDistinct(inputs, [
    { what: '--output', path: output },
    { what: '--far-field', path: farField },
  ]);
  const out = printer(options, output === '-');
  const given = await readInput(path, options);
  const shape = options.size ?? given.shape;
  const isCorner = options.corner ?? false;
  const target = inFarField(given, shape, isCorner);
  const free =
    noise === undefined
      ? undefined
      : inFarField(await readMatching('--noise', noise, given.shape, path), shape, isCorner);
  const onModulator = light === undefined ? undefined : await readMatching('--light', light, shape, path);
  await interruptible(async (signal) => {
    const { method, iterations, feedback, mixing, fillFactor, seed, backend, device, precision } = options;
    const bar = progressBar(options.quiet ?? false);
    const began = performance.now();
    const made = await hologram(options.magnitudes ? target : magnitudesFromIntensities(target, shape), shape, {
      ...{ method, iterations, feedback, mixing, bits, fillFactor, seed, backend, device, precision, signal },
      ...{ onProgress: bar.update, noise: free && Uint8Array.from(free, (value) => (value ? 1 : 0)) },
      light: onModulator && magnitudesFromIntensities(onModulator.data, shape),
    }).finally(bar.stop);
    const seconds = (performance.now() - began) / 1000;
    await writePhases(output, made, bits);
    if (farField !== undefined) {
      const intensities = made.farField.map((size) => size * size);
      await writeOutput(farField, { data: isCorner ? intensities : fftshift(intensities, shape), shape });
    }
    const { uniformity, efficiency, error } = made;
    out.line(
      `${made.backend} · ${made.method} · ${shape.join('×')} · ${made.iterations} iterations in ${brief(seconds)} s`,
    );
    out.line(`uniformity ${brief(uniformity)}, efficiency ${brief(efficiency)}, error ${brief(error)}`);
    out.line(`wrote ${[output, farField].filter((file) => file !== undefined).join(', ')}`);
    const settings = { method: made.method, iterations: made.iterations, bits, seed, precision };
    out.object({
      ...{ command: 'hologram', target: path, output, farField, shape, ...settings, backend: made.backend },
      ...{ seconds, uniformity, efficiency, error },
    });
  }, options);
}

/** The levels as a PNG, or radians. */
async function writePhases(output: string, { phase, levels, shape }: Hologram, bits = 8): Promise<void> {
  if (!isPng(output)) return writeOutput(output, { data: phase, shape });
  const depth = bits > 8 ? 16 : 8;
  return writeOutput(output, { data: Float64Array.from(levels!), shape }, { bits: depth, range: [0, 2 ** depth - 1] });
}

/** An image in the middle of a far field of so many pixels, zero frequency first. */
function inFarField({ data, shape: [rows, columns] }: Image, shape: Shape, isCorner: boolean): Float64Array {
  if (rows > shape[0] || columns > shape[1]) {
    throw usage('--size', shape.join('x'), `at least the ${rows}x${columns} pixels of the target`);
  }
  const centred = isCorner ? fftshift(data, [rows, columns]) : data;
  const [down, right] = [0, 1].map((axis) => Math.floor(shape[axis] / 2) - Math.floor([rows, columns][axis] / 2));
  const whole = new Float64Array(shape[0] * shape[1]);
  for (let row = 0; row < rows; row++) {
    whole.set(centred.subarray(row * columns, (row + 1) * columns), (row + down) * shape[1] + right);
  }
  return ifftshift(whole, shape);
}
