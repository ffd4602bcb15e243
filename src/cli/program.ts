/** The command line as a whole: its commands, how usage errors look, and where every failure ends. */
import process from 'node:process';
import { Command } from 'commander';
import { version } from '../../package.json';
import { addBackends } from './backends.js';
import { addBench } from './bench.js';
import { explain } from './exit.js';
import { examples } from './help.js';
import { addInspect } from './inspect.js';
import { addReconstruct } from './reconstruct/reconstruct.js';
import { addSimulate } from './simulate.js';
import { addValidate } from './validate/validate.js';

const EXIT_CODES = `
Exit codes:
  0    success
  1    the run failed (a file, the data, the backend, a check)
  2    wrong usage
  130  stopped by Ctrl-C, 143 by SIGTERM, 129 by SIGHUP; reconstruct has written the image so far

Environment:
  REPHASE_BACKEND  the backend to use where --backend is not given
  REPHASE_DEBUG    show stack traces
`;

/** Runs the command line and resolves to its exit code. Commands that end otherwise than well or badly set their own. */
export async function main(args: readonly string[]): Promise<number> {
  // A reader such as `head` may leave before everything is written.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    const reason = error.code === 'ENOSPC' ? 'the disk is full' : error.message;
    process.stderr.write(`rephase: cannot write to standard output: ${reason}\n`);
    process.exit(1);
  });
  try {
    await createProgram().parseAsync(args, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return explain(error, args.includes('--json'));
  }
}

function createProgram(): Command {
  const program = new Command('rephase')
    .description('Phase retrieval: recovers an image from the magnitudes of its Fourier transform.')
    .version(version)
    .showSuggestionAfterError()
    .configureOutput({ outputError: (message, write) => write(oneLine(message)) })
    .exitOverride()
    .addHelpText(
      'after',
      examples([
        'rephase simulate photo.png -o pattern.npy --photons 1e9',
        'rephase reconstruct pattern.npy -o image.png --support pattern.support.npy --algorithm hio',
        'rephase reconstruct --help',
      ]) + EXIT_CODES,
    );
  for (const add of [addSimulate, addInspect, addReconstruct, addBackends, addValidate, addBench]) add(program);
  return program;
}

/** Commander's message in the form of ours, with its "(Did you mean …?)" on the same line. */
function oneLine(message: string): string {
  return message.replace(/^error: /, 'rephase: ').replace(/\n\(/, ' (');
}
