/**
 * Checkpoints of `retrieve`: what a run has reached, as the bytes of a file, and the check that a run may go on from them.
 *
 * ```
 * bytes 0–6     "rephase"
 * byte 7        version, 1
 * bytes 8–15    length of the whole in bytes, an integer
 * bytes 16–19   CRC-32 of everything behind it, as in PNG and zip
 * bytes 20–23   length of the header in bytes, an integer
 * from 24 on    the header, which is JSON
 * from the next multiple of 8 on   the arrays
 * ```
 *
 * Everything is little-endian. The header is a `Checkpoint` in which { kind, at, length } stands for each array: the name of
 * its type in JavaScript, its place in bytes behind the beginning of the arrays, and how many numbers it has.
 */
import { InvalidArgumentError, gotTakes } from '../errors.js';
import type { Setup } from '../problems/image.js';
import type { ShrinkProgress } from '../session/shrink-wrap.js';
import { isBytes, typedKind } from '../typed-arrays.js';
import type { RealArray } from '../types.js';
import type { Origins } from './job.js';
import { settingText, type RunSettings } from './settings.js';

/** What makes one run another than the next, as text; of arrays, the CRC-32. */
export type Description = Readonly<Record<string, string | number>>;

export interface Checkpoint {
  settings: Description;
  /** Generations that are finished, and the seconds that they spent iterating. */
  rounds: number;
  seconds: number;
  /** The residual of every iteration is kept. */
  history: boolean;
  /** The generation whose starts had the least mean of free residuals. */
  best?: { round: number; free: number | undefined } | undefined;
  /** Of generations: the least residual of the first, and the starts of this one that began anew. */
  first?: number | undefined;
  anew?: number[] | undefined;
  /** Where each start of the generation goes on. */
  origins: Origins;
  /** How far the support that all share has shrunk between generations, and what it is where it has. */
  shrinking?: ShrinkProgress | undefined;
  support?: Uint8Array | undefined;
}

const MAGIC = [...'rephase'].map((letter) => letter.charCodeAt(0));
const VERSION = 1;
/** Where what the checksum covers begins, and where the header does. */
const [COVERED, HEAD] = [20, 24];
const ARRAYS = { Float32Array, Float64Array, Uint8Array };

/** The settings on which the result depends, beside backend and device. */
export function describeRun(
  { pattern, objectMagnitudes, support, start, chirp }: Setup,
  settings: RunSettings,
): Description {
  const { shape, magnitudes, mask } = pattern;
  const arrays = {
    magnitudes,
    mask,
    objectMagnitudes,
    support,
    start: start && ('phase' in start ? start.phase : start.object),
    propagation: chirp,
  };
  const sums = Object.entries(arrays).map(([name, array]) => [name, array ? checksum(bytesOf(array)) : 'none']);
  const texts = Object.entries(settings).map(([name, value]) => [name, settingText(value)]);
  return { ...Object.fromEntries([...sums, ...texts]), shape: shape.join(' × ') } as Description;
}

/** Returns a checkpoint of a run with these settings. The arrays are copied. */
export function checkResume(bytes: Uint8Array, settings: Description, history: boolean): Checkpoint {
  const checkpoint = decodeCheckpoint(bytes);
  for (const [name, value] of Object.entries(settings)) {
    const before = checkpoint.settings[name];
    if (before === value) continue;
    const isArray = ['magnitudes', 'mask', 'objectMagnitudes', 'support', 'start', 'propagation'].includes(name);
    throw refused(isArray ? `has other values in ${name}` : `has ${name} ${before}, and this run ${value}`);
  }
  if (history && !checkpoint.history) throw refused('has no history of residuals, and this run keeps one');
  return checkpoint;
}

/** The bytes of a checkpoint. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const arrays: { array: RealArray | Uint8Array; at: number }[] = [];
  let size = 0;
  const text = JSON.stringify(checkpoint, (_, value: unknown) => {
    const kind = typedKind(value);
    if (!kind) return value;
    const array = value as RealArray | Uint8Array;
    const at = size;
    arrays.push({ array, at });
    size += roundUp(array.byteLength);
    return { kind, at, length: array.length };
  });
  const header = new TextEncoder().encode(text);
  const begin = roundUp(HEAD + header.length);
  const bytes = new Uint8Array(begin + size);
  bytes.set(MAGIC);
  bytes[MAGIC.length] = VERSION;
  bytes.set(header, HEAD);
  for (const { array, at } of arrays) bytes.set(bytesOf(array), begin + at);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(8, BigInt(bytes.length), true);
  view.setUint32(20, header.length, true);
  view.setUint32(16, checksum(bytes.subarray(COVERED)), true);
  return bytes;
}

/** @throws InvalidArgumentError that says what is wrong with the bytes */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  if (!isBytes(bytes)) {
    throw new InvalidArgumentError('resume', gotTakes('resume', bytes, 'a Uint8Array, the content of a checkpoint'));
  }
  if (!MAGIC.every((byte, at) => bytes[at] === byte)) {
    throw new InvalidArgumentError('resume', 'resume: these bytes are no checkpoint of rephase');
  }
  if (bytes[MAGIC.length] !== VERSION) {
    throw refused(`is of version ${bytes[MAGIC.length] ?? 'nothing'}; takes version ${VERSION}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const whole = bytes.length < HEAD ? HEAD : Number(view.getBigUint64(8, true));
  if (bytes.length < whole) throw refused(`is cut short: it has ${bytes.length} of ${whole} bytes`);
  if (bytes.length > whole || checksum(bytes.subarray(COVERED)) !== view.getUint32(16, true)) {
    throw refused('is damaged: its content does not have its checksum');
  }
  const length = view.getUint32(20, true);
  const begin = roundUp(HEAD + length);
  const text = new TextDecoder().decode(bytes.subarray(HEAD, HEAD + length));
  return JSON.parse(text, (name, value: unknown) => {
    // JSON has neither NaN nor undefined.
    if (name === 'residual') return value ?? NaN;
    if (name === 'origins') return (value as (Origins[number] | null)[]).map((origin) => origin ?? undefined);
    const { kind, at, length } = (value ?? {}) as { kind?: keyof typeof ARRAYS; at: number; length: number };
    if (kind === undefined) return value;
    const array = new ARRAYS[kind](length);
    bytesOf(array).set(bytes.subarray(begin + at, begin + at + array.byteLength));
    return array;
  }) as Checkpoint;
}

function refused(why: string): InvalidArgumentError {
  return new InvalidArgumentError('resume', `resume: the checkpoint ${why}`);
}

function roundUp(size: number): number {
  return Math.ceil(size / 8) * 8;
}

function bytesOf(array: RealArray | Uint8Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** The remainders of one byte. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ 0xedb88320 : remainder >>> 1;
  return remainder;
});

/** CRC-32 (ISO 3309). */
function checksum(bytes: Uint8Array): number {
  let crc = -1;
  for (let i = 0; i < bytes.length; i++) crc = REMAINDERS[(crc ^ bytes[i]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** Gathers the states of a run's starts, and hands on a checkpoint whenever some are new. */
export class Checkpoints {
  readonly #write: (checkpoint: Uint8Array<ArrayBuffer>) => unknown;
  readonly #fixed: Pick<Checkpoint, 'settings' | 'history'>;
  #reached: Omit<Checkpoint, 'settings' | 'history'> = { rounds: 0, seconds: 0, origins: [] };
  #written: Promise<unknown> = Promise.resolve();
  #isWaiting = false;

  constructor(
    write: (checkpoint: Uint8Array<ArrayBuffer>) => unknown,
    fixed: Pick<Checkpoint, 'settings' | 'history'>,
  ) {
    this.#write = write;
    this.#fixed = fixed;
  }

  /** A generation begins. */
  begin(reached: Omit<Checkpoint, 'settings' | 'history'>): void {
    this.#reached = { ...reached, origins: reached.origins.slice() };
  }

  /** New states of some starts. Resolves when a checkpoint that has them was taken. */
  async add(first: number, states: Origins): Promise<void> {
    states.forEach((state, at) => (this.#reached.origins[first + at] = state));
    // While one is being written, what comes in waits for the next.
    if (!this.#isWaiting) {
      this.#isWaiting = true;
      this.#written = this.#written.then(() => {
        this.#isWaiting = false;
        return this.#write(encodeCheckpoint({ ...this.#fixed, ...this.#reached }));
      });
    }
    await this.#written;
  }
}
