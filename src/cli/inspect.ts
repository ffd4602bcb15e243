/** `rephase inspect`: says what a pattern is and what is wrong with it, and suggests a command line for it. */
import { type Command } from 'commander';
import { type ImageInspection, type Warning, inspectImage } from '../inspect/index.js';
import { type RealArray } from '../types.js';
import { type InputOptions, addInputOptions, checkDistinct, checkOutput, readInput } from './files.js';
import { examples } from './help.js';
import { interruptible } from './interrupt.js';
import { ifftshift } from '../tools/fftshift.js';
import { patternPicture } from './picture.js';
import { brief, printer, quote } from './print.js';
import { maskOf, readMatching } from './problem.js';
import { writeBytes } from '../formats/files.js';

interface InspectOptions extends InputOptions {
  output?: string;
  mask?: string;
  maskBad?: boolean;
  intensity?: boolean;
  centered?: boolean;
  json?: boolean;
  quiet?: boolean;
}

const HELP = `
Says whether the numbers look like intensities or magnitudes, where the zero frequency is, and which values mean "no
number". With --intensity or --centered it takes the pattern as they say, and warns if it looks otherwise.
`;

export function addInspect(program: Command): void {
  const command = program
    .command('inspect')
    .description('Look at a diffraction pattern, say what is wrong with it, and suggest a command line.')
    .argument('<pattern>', 'pattern: .npy, .png, .tiff, .h5 or .cxi (- reads standard input)')
    .option('-o, --output <picture>', 'write a picture of the pattern: .png')
    .option('--mask <file>', 'image that is zero where nothing was measured')
    .option('--mask-bad', 'the mask is the other way round: zero where a pixel is good')
    .option('--intensity', 'the pattern holds intensities (counts)')
    .option('--centered', 'the zero frequency is in the middle')
    .option('--json', 'print one JSON object')
    .option('-q, --quiet', 'print nothing but errors')
    .addHelpText(
      'after',
      HELP + examples(['rephase inspect counts.h5 -o pattern.png', 'rephase inspect counts.tiff --json']),
    )
    .action(runInspect);
  addInputOptions(command, 'pattern');
}

async function runInspect(path: string, options: InspectOptions): Promise<void> {
  const { output, mask: maskPath, intensity, centered } = options;
  if (output !== undefined) await checkOutput('--output', output, ['.png']);
  await checkDistinct(
    [
      { what: 'the pattern', path },
      { what: 'the mask', path: maskPath },
    ],
    [{ what: '--output', path: output }],
  );
  const out = printer(options);
  const image = await readInput(path, options);
  const maskImage = maskPath === undefined ? undefined : await readMatching('--mask', maskPath, image.shape, path);
  const mask = maskImage ? maskOf(maskImage.data, options) : image.mask;
  const seen = inspectImage(image, { intensity, centered, mask });
  const suggestion = suggest(path, options, seen);
  if (output !== undefined) {
    const { data, shape } = image;
    const magnitudes = data.map((value) =>
      value > 0 && value < Infinity ? (seen.intensity ? Math.sqrt(value) : value) : 0,
    );
    // patternPicture() moves index 0 to the middle.
    const cornered = <Data extends RealArray | Uint8Array>(values: Data) =>
      seen.centered ? ifftshift(values, shape) : values;
    const { png } = patternPicture({ data: cornered(magnitudes), shape }, mask && cornered(mask));
    await interruptible(() => writeBytes(output, png), options);
  }
  for (const line of facts(seen)) out.line(line);
  for (const { message } of seen.warnings) out.line(`warning: ${message}`);
  out.line(`try: ${suggestion}`);
  out.object({ command: 'inspect', pattern: path, output, ...seen, suggestion });
}

const number = (value: number) => (Number.isInteger(value) ? String(value) : brief(value));

function facts(seen: ImageInspection): string[] {
  const { shape, measured, least, greatest, whole, intensity, center, asymmetry, noise } = seen;
  const numbers = whole ? 'whole numbers' : 'numbers';
  const explained = noise > 0 ? `, of which noise explains ${brief(noise)}` : '';
  return [
    `${shape.join('×')} ${numbers} from ${number(least)} to ${number(greatest)}, taken for ${intensity ? 'intensities' : 'magnitudes'}`,
    `zero frequency at row ${center[0]}, column ${center[1]}; asymmetry ${brief(asymmetry)}${explained}`,
    `${brief(100 * measured)} % of the pixels measured`,
  ];
}

/** The command line of a reconstruction, with the options that mend what was seen. */
function suggest(path: string, options: InspectOptions, seen: ImageInspection): string {
  const { dataset, frame, frames, maxPixels, mask, maskBad } = options;
  const has = (code: Warning['code']) => seen.warnings.some((warning) => warning.code === code);
  const intensity = seen.intensity ? !has('LOOKS_LIKE_MAGNITUDES') : has('LOOKS_LIKE_INTENSITIES');
  const centered = seen.centered ? !has('ZERO_FREQUENCY_AT_CORNER') : has('ZERO_FREQUENCY_IN_MIDDLE');
  const mends = seen.warnings
    .filter(({ code }) => !code.startsWith('LOOKS_LIKE') && !code.startsWith('ZERO_FREQUENCY'))
    .map(({ option }) => option);
  const words = [
    `rephase reconstruct ${quote(path)} -o image.png`,
    dataset !== undefined && `--dataset ${quote(dataset)}`,
    frame !== undefined && `--frame ${frame}`,
    frames !== undefined && `--frames ${quote(frames)}`,
    maxPixels !== undefined && `--max-pixels ${maxPixels}`,
    mask !== undefined && `--mask ${quote(mask)}`,
    maskBad && '--mask-bad',
    intensity && '--intensity',
    centered && !has('OFF_CENTER') && '--centered',
    ...new Set(mends),
  ];
  return words.filter(Boolean).join(' ');
}
