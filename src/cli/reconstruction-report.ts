/** What the report of a reconstruction says: the content that report.ts lays out. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename } from 'node:path';
import process from 'node:process';
import { version } from '../../package.json';
import { extent } from '../formats/image.js';
import { cropToSupport, objectPicture, patternPicture } from './picture.js';
import { brief } from './print.js';
import { type Outcome, type ReconstructOptions } from './reconstruct.js';
import { reportPage } from './report.js';

const NOTES = [
  'A small residual does not prove that the image is right: without an empty frame around the object many images have ' +
    'the same magnitudes. Magnitudes also leave open where the image lies, whether it is rotated by 180°, and its sign.',
  'hio, input-output and output-output keep the iterate outside its constraints on purpose, so that its residual stays ' +
    'above that of the image, which is the iterate with negative pixels and those outside the support cleared.',
];

/** The page as text. */
export async function reconstructionReport(path: string, options: ReconstructOptions, outcome: Outcome) {
  const { problem, result } = outcome;
  const image = cropToSupport({ data: result.feasible, shape: result.shape }, problem.support);
  const [black, white] = extent(image.data);
  const cropped = image.data.length < result.feasible.length ? ', cut out around the support' : '';
  return reportPage({
    title: `${path === '-' ? 'Pattern from standard input' : basename(path)}, reconstructed`,
    command: ['rephase', ...process.argv.slice(2)].map(quote).join(' '),
    pictures: [
      {
        name: 'Pattern',
        png: patternPicture({ data: problem.magnitudes, shape: problem.shape }, problem.mask),
        caption: 'Intensity on a logarithmic scale over six decades, zero frequency in the middle.',
      },
      {
        name: 'Reconstruction',
        png: objectPicture(image),
        caption: `${image.shape.join(' × ')} pixels${cropped}; black ${brief(black)}, white ${brief(white)}.`,
      },
    ],
    history: result.history ?? new Float64Array(),
    facts: await facts(path, options, outcome),
    notes: NOTES,
  });
}

async function facts(path: string, options: ReconstructOptions, { problem, result, ...outcome }: Outcome) {
  const { algorithm, beta = 0.9, seed, starts, start, precision, support, mask } = options;
  const pixels = problem.magnitudes.length;
  const count = (given: ArrayLike<unknown> | undefined) => (given ? Array.from(given).filter(Boolean).length : pixels);
  const stopped = outcome.interrupted ? ` (stopped; ${options.iterations} were asked for)` : '';
  const read = [options.intensity && 'as intensities', options.centered && 'centred', options.dataset];
  const given = start === undefined ? `random, seed ${seed}` : `${start}, SHA-256 ${await digest(start)}`;
  return [
    ['residual of the image', brief(outcome.imageResidual)],
    ['residual of the iterate', brief(result.residual)],
    ['algorithm', algorithm === 'gs' ? 'gs' : `${algorithm}, β ${beta}`],
    ['iterations', `${result.iterations}${stopped}`],
    ['start', given],
    ...(starts > 1 ? [['starts', `${starts}; the best is number ${result.best}`] as const] : []),
    ['pattern', [path, problem.shape.join(' × '), ...read].filter(Boolean).join(', ')],
    ['pattern SHA-256', await digest(path)],
    ['support', `${support ?? 'everywhere'}, ${count(problem.support)} of ${pixels} pixels`],
    ['mask', `${mask ?? 'everything measured'}, ${count(problem.mask)} of ${pixels} pixels`],
    ['backend', `${result.backend}, ${result.device}, ${precision} precision`],
    ['time', `${result.seconds.toFixed(2)} s, ${brief((result.iterations * starts) / result.seconds)} iterations/s`],
    ['program', `rephase ${version}, Node ${process.version}, ${process.platform} ${process.arch}`],
    ['date', new Date().toISOString()],
  ] as const;
}

async function digest(path: string): Promise<string> {
  if (path === '-') return 'unknown, since it came from standard input';
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** A word as a POSIX shell takes it. */
function quote(word: string): string {
  return /^[\w./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
