/** The content of the report of a reconstruction. The other report.ts lays it out. */
import { basename } from 'node:path';
import process from 'node:process';
import { version } from '../../../package.json';
import { extent } from '../../formats/image.js';
import { unwrapped } from '../complex-files.js';
import { isPng } from '../files.js';
import { complexPicture, cropToSupport, encodePicture, objectPicture, partsOf, patternPicture } from '../picture.js';
import { brief } from '../print.js';
import { hasBeta } from '../../problems/options.js';
import { magnitude } from '../../tools/complex-images.js';
import { type RealArray, type Reconstruction } from '../../types.js';
import {
  foundObject,
  freeResiduals,
  inCommon,
  iterationsAsked,
  shrinking,
  type Outcome,
  type ReconstructOptions,
} from './outcome.js';
import { reportPage } from '../report.js';

const NOTES = {
  always:
    'A small residual does not prove that the image is right: without an empty frame around the object many images have ' +
    'the same magnitudes. Magnitudes also leave open where the image lies, whether it is rotated by 180°, and its sign.',
  complex:
    'A small residual does not prove that the image is right: only the support, and what else is known about a complex object, ' +
    'tell it from others with the same magnitudes. These also leave open where the image lies, a constant phase, and whether ' +
    'it is the twin conj(o(−r)).',
  feedback:
    'This algorithm keeps the iterate outside its constraints on purpose, so that its residual stays above that of the ' +
    'image, which is the iterate with negative pixels and those outside the support cleared. The curve is the iterate’s.',
};

/** The page as text. */
export function reconstructionReport(path: string, options: ReconstructOptions, outcome: Outcome): string {
  const { problem, result } = outcome;
  const { shape } = result;
  const isComplex = problem.object === 'complex';
  const cropped = (data: RealArray) => cropToSupport({ data, shape }, problem.support);
  const [re, im] = isComplex ? partsOf(result.feasible, shape) : [];
  const image = cropped(isComplex ? magnitude(result.feasible) : result.feasible);
  const pattern = patternPicture({ data: problem.magnitudes, shape: problem.shape }, problem.mask);
  const [black, white] = extent(image.data);
  const flat = isComplex && options.unwrap ? cropped(unwrapped(foundObject(outcome)).data) : undefined;
  const cut = image.data.length < problem.magnitudes.length ? ', cut out around the support' : '';
  return reportPage({
    title: `${path === '-' ? 'Pattern from standard input' : basename(path)}, reconstructed`,
    command: options.command,
    pictures: [
      {
        name: 'Pattern',
        png: pattern.png,
        caption: `Intensity on a logarithmic scale of ${pattern.decades.toFixed(1)} decades, zero frequency in the middle.`,
      },
      {
        name: isComplex ? 'Size' : 'Reconstruction',
        png: objectPicture(image),
        caption: `${image.shape.join(' × ')} pixels${cut}; black ${brief(black)}, white ${brief(white)}.`,
      },
      ...(re && im
        ? [
            {
              name: 'Phase',
              png: encodePicture(complexPicture([cropped(re.data), cropped(im.data)])),
              caption: 'The phase is the hue (red 0, green 2π/3, blue −2π/3), the size its brightness.',
            },
          ]
        : []),
      ...(flat ? [{ name: 'Phase, unwrapped', png: objectPicture(flat), caption: inRadians(flat.data) }] : []),
    ],
    history: result.history ?? new Float64Array(),
    facts: facts(path, options, outcome),
    notes: [
      ...outcome.warnings.map(({ message }) => `Warning: ${message}.`),
      ...(hasBeta(result.algorithm) ? [NOTES.feedback] : []),
      isComplex ? NOTES.complex : NOTES.always,
    ],
  });
}

function inRadians(data: RealArray): string {
  const [black, white] = extent(data);
  return `Black ${brief(black)} rad, white ${brief(white)} rad; black outside the support.`;
}

function facts(path: string, options: ReconstructOptions, outcome: Outcome) {
  const { problem, result, files, interrupted } = outcome;
  const { chain } = result;
  const {
    seed,
    starts,
    start,
    precision,
    support,
    supportSize,
    mask,
    intensity,
    dataset,
    device,
    output,
    distance,
    wavelength,
    pixel,
    bits = '8',
  } = options;
  const numbered = device === undefined ? '' : `, device ${device}`;
  const stopped = interrupted ? ` (stopped; ${iterationsAsked(result, options)} were asked for)` : '';
  return [
    ['residual of the image', brief(outcome.result.feasibleResidual)],
    ['residual of the iterate', brief(result.residual)],
    ...freeResiduals(result).map((line) => ['held-out frequencies', line] as const),
    ['algorithm', chain],
    ['iterations', `${result.iterations}${stopped}`],
    ['start', start ?? `random, seed ${seed}`],
    ...(starts > 1
      ? [['starts', `${starts}; the best is number ${(options.firstStart ?? 0) + result.best}`] as const]
      : []),
    ...shrinking(result, problem.support).map((line) => ['shrink-wrap', line] as const),
    ...(result.agreement ? [['what they have in common', inCommon(result.agreement)] as const] : []),
    ['pattern', `${path === '-' ? 'standard input' : path}, ${problem.shape.join(' × ')}`],
    ...(dataset === undefined ? [] : [['dataset of the pattern', dataset] as const]),
    ['object', problem.object ?? 'real'],
    ...(distance === undefined
      ? []
      : [['detector', `${distance} m away, pixels of ${pixel!.join(' × ')} m, light of ${wavelength} m`] as const]),
    ['what the pattern holds', intensity ? 'intensities' : 'magnitudes'],
    ['zero frequency', zeroFrequency(options)],
    ['support', support === undefined ? 'everywhere' : `${support}, ${share(problem.support)}`],
    ...(supportSize === undefined ? [] : [['support size', `${supportSize} pixels`] as const]),
    ['mask', measuredPixels(mask, problem.mask, result)],
    ...outcome.done.map((line) => ['cleaning', line] as const),
    ['backend', `${result.backend}${numbered} (${result.device}), ${precision} precision`],
    ['time', `${result.seconds.toFixed(2)} s, ${brief((result.iterations * starts) / result.seconds)} iterations/s`],
    ['image written', `${output === '-' ? 'standard output' : output}${isPng(output) ? `, ${bits} bits a pixel` : ''}`],
    ['program', `rephase ${version}, Node ${process.version}, ${process.platform} ${process.arch}`],
    ['date', new Date().toISOString()],
    ...files.map(({ role, sha256 }) => [`SHA-256 of the ${role}`, sha256] as const),
  ] as const;
}

function measuredPixels(
  path: string | undefined,
  mask: ArrayLike<unknown> | undefined,
  result: Reconstruction,
): string {
  if (path === undefined && mask === undefined) return 'everything measured';
  const pixels = result.shape[0] * result.shape[1];
  return `${path ?? 'by cleaning'}, ${Math.round(result.measured * pixels)} of ${pixels} pixels`;
}

function zeroFrequency({ center, centered }: ReconstructOptions): string {
  if (center === 'auto') return 'where the pattern is most symmetric';
  if (center !== undefined) return `at row ${center[0]}, column ${center[1]} of the pattern`;
  return centered ? 'in the middle of the pattern and the mask' : 'at the corner of the pattern';
}

function share(mask: ArrayLike<unknown> | undefined): string {
  const set = Array.from(mask ?? []).filter(Boolean).length;
  return `${set} of ${mask?.length ?? 0} pixels`;
}
