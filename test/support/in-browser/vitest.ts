/**
 * Stands in for vitest in the bundle that a browser loads: cases are collected under their full names and run one at a
 * time, when somebody outside asks. `expect` and `vi` are vitest's own.
 */
import { expect, vi } from 'vitest';

type Body = (...values: never[]) => unknown;

const cases = new Map<string, () => unknown>();
const titles: string[] = [];

/** Runs one case; rejects as it does. */
export async function run(name: string): Promise<void> {
  await cases.get(name)!();
}

export function names(): string[] {
  return [...cases.keys()];
}

export function describe(title: string, body: () => void): void {
  titles.push(title);
  body();
  titles.pop();
}

export function it(title: string, body: () => unknown): void {
  const name = [...titles, title].join(' > ');
  if (cases.has(name)) throw new Error(`two cases are called "${name}"`);
  cases.set(name, body);
}

const nothing = () => undefined;

describe.each = eachWith(describe);
describe.skipIf = (skip: boolean) => (skip ? nothing : describe);
it.each = eachWith(it);
/** A backend that cannot run here. Which must, webgpu-browser.test.ts says. */
it.skip = nothing;

function eachWith(add: (title: string, body: () => void) => void) {
  return (table: readonly unknown[]) => (title: string, body: Body) => {
    for (const row of table) {
      const values = Array.isArray(row) ? (row as unknown[]) : [row];
      add(filled(title, values), () => body(...(values as never[])));
    }
  };
}

/** `%d` and the like stand for the values in turn, `$key` for what an only value has of that name. */
function filled(title: string, values: unknown[]): string {
  let next = 0;
  return title
    .replace(/%[dijs]/g, () => text(values[next++]))
    .replace(/\$(\w+)/g, (_, key: string) => text((values[0] as Record<string, unknown>)[key]));
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

export { expect, vi };
