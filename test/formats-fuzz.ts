/**
 * Reads mutated files and checks that each is read or refused: a typed error, consistent data, at most 2 s, and at most 20
 * times its size and 64 MiB of new arrays. Runs the sources, through esbuild: `npm run fuzz -- --count 1000000 --seed 1
 * [--only hdf5]`. A mutation is found again by its seed and number: `--first N --count 1`.
 */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { RephaseError } from '../src/errors.js';
import { type ImageFormat, IMAGE_FORMATS } from '../src/formats/image.js';
import { type DecodeOptions, decodeImage, detectFormat } from '../src/formats/index.js';

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    first: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    seconds: { type: 'string', default: 'Infinity' },
    keep: { type: 'string' },
  },
});
const [count, first, seed, seconds] = [values.count, values.first, values.seed, values.seconds].map(Number);

const LONGEST_MS = 2000;
const folder = new URL('../test/fixtures/', import.meta.url);
const seeds = new Map<ImageFormat, Uint8Array[]>();
const all = readdirSync(folder).map((name) => new Uint8Array(readFileSync(new URL(name, folder))));
for (const bytes of all) {
  const format = detectFormat(bytes);
  // Large files take long to copy, and hold the same structures.
  if (!format || bytes.length > 40_000) continue;
  seeds.set(format, [...(seeds.get(format) ?? []), bytes]);
}

/** SplitMix32: the same numbers from a seed and a file's number, whatever was read before. */
function generator(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x9e3779b9) | 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return Math.floor((((z ^ (z >>> 15)) >>> 0) / 2 ** 32) * below);
  };
}

const INTERESTING = [0, 1, 2, 4, 8, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xfe, 0xff];

function mutated(files: readonly Uint8Array[], number: number): Uint8Array {
  const random = generator(Math.imul(seed, 0x85ebca6b) ^ number);
  const bytes = files[random(files.length)].slice();
  for (let change = random(4); change >= 0; change--) {
    const at = random(random(2) === 0 ? Math.min(bytes.length, 512) : bytes.length);
    const kind = random(8);
    if (kind < 3) bytes[at] = random(256);
    else if (kind < 5) bytes[at] = INTERESTING[random(INTERESTING.length)];
    else if (kind === 5) bytes[at] ^= 1 << random(8);
    else if (kind === 6) bytes.fill(random(2) * 255, at, at + 1 + random(8));
    else bytes.copyWithin(at, random(bytes.length), random(bytes.length));
  }
  // Most mutations of a PNG would end at the checksum of a chunk.
  if (detectFormat(bytes) === 'png' && random(4) > 0) seal(bytes);
  const cut = random(8);
  return cut === 0 ? bytes.slice(0, random(bytes.length)) : bytes;
}

/** Writes the checksums that a PNG's chunks should have (PNG, third edition, annex D). */
function seal(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 8 + view.getUint32(at);
    if (end + 4 > bytes.length) return;
    let checksum = 0xffffffff;
    for (const byte of bytes.subarray(at + 4, end)) {
      checksum ^= byte;
      for (let bit = 0; bit < 8; bit++) checksum = (checksum >>> 1) ^ (checksum & 1 ? 0xedb88320 : 0);
    }
    view.setUint32(end, ~checksum >>> 0);
    at = end + 4;
  }
}

/** Every third file each is read as it is, by its first frame, and as a mask or a sum. */
function optionsOf(number: number): DecodeOptions {
  return [{}, { frame: 0 }, number % 2 === 0 ? { frames: 'sum' as const } : { as: 'mask' as const }][number % 3];
}

/** The most that a file may add to memory: what is measured are all arrays, also those that nobody holds any more. */
const mostBytes = (bytes: Uint8Array): number => 20 * bytes.length + 2 ** 26;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

let failures = 0;
for (const format of IMAGE_FORMATS) {
  const files = seeds.get(format);
  if (!files || (values.only !== undefined && values.only !== format)) continue;
  const began = performance.now();
  let [read, slowest, largest, done] = [0, 0, 0, 0];
  for (let number = first; number < first + count; number++) {
    if (performance.now() - began > seconds * 1000) break;
    const bytes = mutated(files, number);
    const before = process.memoryUsage().arrayBuffers;
    const start = performance.now();
    let wrong: string | undefined;
    try {
      const { data, shape, mask } = await decodeImage(bytes, optionsOf(number));
      read++;
      const pixels = shape[0] * shape[1];
      if (data.length !== pixels || (mask && mask.length !== pixels))
        wrong = `${data.length} pixels of ${shape.join('×')}`;
    } catch (error) {
      if (!(error instanceof RephaseError))
        wrong = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const took = performance.now() - start;
    const grew = process.memoryUsage().arrayBuffers - before;
    if (took > LONGEST_MS) wrong ??= `took ${Math.round(took)} ms`;
    if (grew > mostBytes(bytes)) wrong ??= `took ${Math.round(grew / 2 ** 20)} MiB for ${bytes.length} bytes`;
    [slowest, largest, done] = [Math.max(slowest, took), Math.max(largest, grew), done + 1];
    if (wrong === undefined) continue;
    failures++;
    say(`${format}, seed ${seed}, number ${number}: ${wrong}`);
    if (values.keep !== undefined) writeFileSync(`${values.keep}/${format}-${seed}-${number}`, bytes);
    if (failures > 20) process.exit(1);
  }
  const time = ((performance.now() - began) / 1000).toFixed(0);
  say(
    `${format}: ${done} files from ${files.length}, seed ${seed}, first ${first}: ${read} read, the others refused; ` +
      `slowest ${slowest.toFixed(0)} ms, most new arrays ${(largest / 2 ** 20).toFixed(1)} MiB; ${time} s`,
  );
}
say(failures === 0 ? 'no failures' : `${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;
