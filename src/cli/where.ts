/** The options of commands that compute something: where they do it, and how exactly. */
import { type Command } from 'commander';
import { BACKEND_NAMES, PRECISIONS } from '../types.js';
import { oneOf, whole, wholeOrAll } from './values.js';

/** `dividesStarts`: several devices can share the work. */
export function addWhereOptions(command: Command, dividesStarts = false): Command {
  const all = dividesStarts ? ', or all, which share the starts' : '';
  return command
    .option(
      '--backend <name>',
      `${BACKEND_NAMES.join(', ')} or auto`,
      oneOf('--backend', [...BACKEND_NAMES, 'auto']),
      'auto',
    )
    .option(
      `--device <${dividesStarts ? 'which' : 'number'}>`,
      `one of the backend's devices, as \`rephase backends\` counts them${all} (default: the first that works)`,
      dividesStarts ? wholeOrAll('--device') : whole('--device', 0),
    )
    .option('--precision <name>', 'single, or double (wasm only)', oneOf('--precision', PRECISIONS), 'single');
}
