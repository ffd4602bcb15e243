/** The check of the public surface fails where users would meet a name that they cannot import, or that nobody describes. */
import { mkdirSync, readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { execute, temporaryFolder } from './support/program.js';

const folder = temporaryFolder();
const script = fileURLToPath(new URL('../scripts/api.mjs', import.meta.url));
const run = (...args: string[]) => execute(process.execPath, [script, ...args, folder.path]);

const SIZE = `
/** A size. */
export interface Size {
  /** In pixels. */
  rows: number;
}`;
const FORMATS = `
import { type Size } from './shared.js';
/** Decodes. */
export declare function decode(): Size;`;

/** Writes the declarations of the entries, and of a file that they share. */
function declare(index: string, formats = 'export {};') {
  mkdirSync(folder.at('dist'), { recursive: true });
  const files = 'export {};';
  for (const [name, text] of Object.entries({ index, formats, files, shared: SIZE }))
    folder.write(`dist/${name}.d.ts`, text);
}

afterAll(() => folder.remove());

describe('the check of the API report', { timeout: 300_000 }, () => {
  it('takes what is described, and types that another entry exports, until the surface changes', async () => {
    declare("export { type Size } from './shared.js';", FORMATS);
    await run();
    expect(readFileSync(folder.at('docs/api/report.md'), 'utf8')).toContain('function decode(): Size;');
    expect(await run('--check')).toMatchObject({ code: 0, stderr: '' });
    declare("export { type Size } from './shared.js';", FORMATS.replace('decode()', 'decode(bytes: Uint8Array)'));
    const { code, stderr } = await run('--check');
    expect([code, stderr]).toEqual([1, expect.stringContaining('the public surface differs from docs/api/report.md')]);
  });

  it('fails on names that no entry exports, and on exports and members without a comment', async () => {
    declare(`
      import { type Size } from './shared.js';
      /** Uses a type. */
      declare function measure(size: Size): number;
      declare const TABLE: { a: 1 };
      /** Uses a constant's type. */
      type Name = keyof typeof TABLE;
      declare class Base {}
      /** Has a base. */
      declare class Kind extends Base {
        method(): void;
      }
      declare function silent(): void;
      /** Its member is not described. */
      type Options = { seed: number };
      export { measure, type Name, Kind, silent, type Options };`);
    const { code, stderr } = await run('--check');
    expect(code).toBe(1);
    expect(stderr.split('\n')).toEqual([
      'api: no entry exports Base, which Kind of rephase uses; TABLE, which Name of rephase uses; Size, which measure of rephase uses',
      'api: no doc comment on Kind.method of rephase, Options.seed of rephase, silent of rephase',
      expect.stringContaining('differs'),
      '',
    ]);
  });
});
