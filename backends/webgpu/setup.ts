/**
 * Brings a problem onto the device: what all batches share, the measured magnitudes, which are symmetrised and encoded
 * there, and seeded starts, which are drawn there.
 */
import type { Batch, Pattern } from '../../src/backends/interface.js';
import type { DeviceBatch, Shared } from './batch.js';
import { UNIFORM } from './device/buffers.js';
import type { Transfers } from './device/transfers.js';
import { imageBytes, magnitudesBytes, packSupport } from './fields/real/layout.js';
import { magnitudesKernel, startKernel } from './fields/real/start.js';
import type { Plans } from './operations.js';
import { COEFFICIENT_BYTES } from './rule-slots.js';
import { bytesOfStart } from './sizes.js';
import type { Kernel } from './wgsl/kernel.js';
import { farEnd } from './wgsl/plan.js';

/** Magnitudes are rounded and uploaded in pieces of this many numbers. */
const UPLOAD_NUMBERS = 2 ** 22;

/** Allocates what batches share; the magnitudes are undefined until `uploadProblem`. */
export function makeShared(given: Omit<Shared, 'named' | 'bytesOfStart'>, plans: Plans): Shared {
  const { device, field, buffers, onError } = given;
  device.prepareNumbers(onError);
  return {
    ...given,
    named: {
      magnitudes: buffers.allocate('magnitudes', magnitudesBytes(field)),
      columnTable: device.table(plans.columns, -1, onError),
      rowTable: device.table(plans.rows, 1, onError),
      coefficients: buffers.allocate('coefficients', COEFFICIENT_BYTES, UNIFORM),
    },
    bytesOfStart: bytesOfStart(field, plans),
  };
}

export function uploadSupport(
  { buffers, field, named }: Shared,
  plans: Plans,
  support: Uint8Array,
  transfers: Transfers,
) {
  const words = packSupport(support, field, farEnd(plans.rows).count);
  transfers.upload((named.support ??= buffers.allocate('support', words.byteLength)), 0, words);
}

/** Encodes all that makes magnitudes and seeded starts. Resolves when `finish` says that it has been done. */
export async function uploadProblem(
  shared: Shared,
  batches: readonly DeviceBatch[],
  { pattern, batch: { seeded } }: { pattern: Pattern; batch: Batch },
  transfers: Transfers,
  finish: () => Promise<void>,
): Promise<void> {
  const { buffers, field, named } = shared;
  const raw = buffers.allocate('measured magnitudes', imageBytes(field));
  uploadMagnitudes(pattern, raw, transfers);
  dispatchOnce(shared, 'magnitudes', () => magnitudesKernel(field), [raw, named.magnitudes!], 1);
  if (seeded) {
    const { seed } = seeded;
    let { firstStart } = seeded;
    for (const batch of batches) {
      const words = Uint32Array.of(seed % 2 ** 32, Math.floor(seed / 2 ** 32), firstStart, 0);
      const parameters = buffers.allocate('parameters', words.byteLength, UNIFORM);
      transfers.upload(parameters, 0, words);
      const bound = [parameters, raw, batch.buffer('spectrum')];
      dispatchOnce(shared, 'start', () => startKernel(field), bound, batch.starts);
      firstStart += batch.starts;
    }
  }
  await finish();
  buffers.free(raw);
}

/** Scaled, and −1 where not measured. */
function uploadMagnitudes({ magnitudes, mask, scale }: Pattern, raw: GPUBuffer, transfers: Transfers): void {
  for (let at = 0; at < magnitudes.length; at += UPLOAD_NUMBERS) {
    const piece = new Float32Array(Math.min(UPLOAD_NUMBERS, magnitudes.length - at));
    for (let i = 0; i < piece.length; i++) piece[i] = mask?.[at + i] === 0 ? -1 : magnitudes[at + i] * scale;
    transfers.upload(raw, 4 * at, piece);
  }
}

function dispatchOnce(shared: Shared, key: string, write: () => Kernel, bound: GPUBuffer[], starts: number): void {
  const { device, field, shapeKey, onError, commands } = shared;
  const kernel = device.compileNow(`${shapeKey} ${key}`, write, onError);
  const resources = bound.map((buffer) => ({ buffer }));
  commands.dispatch(kernel, device.bindGroup(kernel, resources, onError), starts, starts * field.rows * field.columns);
}
