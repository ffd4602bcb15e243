/** The examples run as their readers would run them. */
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { execute } from './support/program.js';

const folder = fileURLToPath(new URL('../examples', import.meta.url));

it.each(readdirSync(folder).filter((name) => name.endsWith('.mjs')))('%s runs', async (name) => {
  const { code, stdout, stderr } = await execute(process.execPath, [name], { cwd: folder });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/residual 0\.\d/);
});
