/** What a fresh clone is asked to have: no more than what is about to be done needs. */
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { execute, temporaryFolder } from './support/program.js';

const setup = fileURLToPath(new URL('../scripts/setup.mjs', import.meta.url));
const empty = temporaryFolder();
afterAll(() => empty.remove());

it.each([
  { args: [], names: 'make cmake emscripten' },
  // libvulkan1 is a library, which this machine may have.
  { args: ['--for', 'test'], names: 'make cmake emscripten g++ clang-format chromium' },
])('asks for what is missing where there is nothing: setup $args', async ({ args, names }) => {
  const { code, stderr } = await execute(process.execPath, [setup, ...args], { env: { PATH: empty.path } });
  expect(stderr.replace(' libvulkan1', '')).toContain(`(Debian calls them: ${names})`);
  expect(code).toBe(1);
});
