/** The whole command line: its commands, the form of usage errors, and the end of every failure. */
import process from 'node:process';
import { Command } from 'commander';
import { version } from '../../package.json';
import { splitDataset } from '../formats/files.js';
import { addBackends } from './backends.js';
import { addBench } from './bench.js';
import { addCombine } from './combine.js';
import { EXIT, explain } from './exit.js';
import { examples } from './help.js';
import { streamError } from './files.js';
import { addHologram } from './hologram.js';
import { addInspect } from './inspect.js';
import { note } from './print.js';
import { addPtycho } from './ptycho/ptycho.js';
import { addReconstruct } from './reconstruct/reconstruct.js';
import { addSimulate } from './simulate.js';
import { addValidate } from './validate/validate.js';

const EXIT_CODES = `
Exit codes:
  0    success
  1    the run failed (a file, the data, the backend, a check)
  2    wrong usage
  130  stopped by Ctrl-C (143: by SIGTERM, 129: by SIGHUP); reconstruct has written the image so far

Environment:
  REPHASE_BACKEND  the backend to use where --backend is not given
  REPHASE_DEBUG    show stack traces
`;

/** Runs the command line and resolves to its exit code: 0, an error's, or what the command set as `process.exitCode`. */
export async function main(args: readonly string[]): Promise<number> {
  // A run goes on when nobody reads its messages.
  process.stderr.on('error', () => undefined);
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // A reader of text, such as `head`, may close the pipe when it has enough.
    if (error.code === 'EPIPE') process.exit(EXIT.success);
    process.exit(explain(streamError(error), false));
  });
  const program = createProgram();
  try {
    await program.parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return explain(error, args.includes('--json'), (path) => optionOf(program, path));
  }
}

/** The option of the command that has run whose value is the path of a file, or names a dataset in it. */
function optionOf(program: Command, path: string): string | undefined {
  const command = program.commands.find(({ args }) => args.length > 0);
  if (!command || command.args.some((named) => isIn(path, named))) return undefined;
  const values = command.opts<Record<string, unknown>>();
  return command.options.find((option) => isIn(path, values[option.attributeName()]))?.long;
}

const isIn = (path: string, named: unknown) =>
  typeof named === 'string' && (named === path || splitDataset(named)?.path === path);

export function createProgram(): Command {
  const program = new Command('rephase')
    .description('Phase retrieval: recovers an image from the magnitudes of its Fourier transform.')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput({ outputError: (message) => note(oneLine(message)) })
    .exitOverride()
    .addHelpText(
      'after',
      examples([
        'rephase simulate photo.png -o pattern.npy --photons 1e9',
        'rephase reconstruct pattern.npy -o image.png --support pattern.support.npy --algorithm hio',
        'rephase reconstruct --help',
      ]) + EXIT_CODES,
    );
  for (const add of [
    addSimulate,
    addInspect,
    addReconstruct,
    addPtycho,
    addCombine,
    addHologram,
    addBackends,
    addValidate,
    addBench,
  ])
    add(program);
  return program;
}

/** Commander's message without its prefix, and with its "(Did you mean …?)" on the same line. */
function oneLine(message: string): string {
  return message
    .replace(/^error: /, '')
    .replace(/\n\(/, ' (')
    .trimEnd();
}
