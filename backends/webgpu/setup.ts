/**
 * Brings a problem onto the device: the measured magnitudes, which are symmetrised and encoded there, and seeded starts,
 * which are drawn there.
 */
import type { BackendProblem, ShrinkSupport } from '../../src/backends/interface.js';
import type { DeviceBatch, Shared } from './batch.js';
import { UNIFORM } from './device/session-device.js';
import { magnitudesBytes, numbersBytes, packSupport, type Field } from './fields/field.js';
import { COEFFICIENT_BYTES } from './rule-slots.js';
import type { Step } from './step.js';
import { farEnd } from './wgsl/plan.js';
import { beginKernel } from './wgsl/weights.js';

/** Magnitudes are rounded and uploaded in pieces of this many numbers. */
const UPLOAD_NUMBERS = 2 ** 22;

interface SetupSteps {
  magnitudes: Step;
  start: Step;
  /** Where rules have weights. */
  weights?: Step;
}

/** The kernels of `uploadProblem`. */
export function setupSteps(field: Field, hasWeights: boolean): SetupSteps {
  const { kind } = field;
  return {
    magnitudes: { key: 'magnitudes', write: () => kind.magnitudesKernel(field), use: { destination: 'magnitudes' } },
    start: { key: 'start', write: () => kind.startKernel(field), use: {} },
    ...(hasWeights && { weights: { key: 'weights', write: () => beginKernel(field), use: {} } }),
  };
}

/** Allocates what all batches share, and what `uploadProblem` needs. */
export function allocateShared({ device, field, plans, buffers }: Shared, { objectMagnitudes }: BackendProblem): void {
  buffers.columnTable = device.table(plans.columns, -1);
  buffers.rowTable = device.table(plans.rows, 1);
  buffers.coefficients = device.allocate('coefficients', COEFFICIENT_BYTES, UNIFORM);
  buffers.magnitudes = device.allocate('magnitudes', magnitudesBytes(field));
  if (objectMagnitudes) buffers.objectMagnitudes = device.allocate('magnitudes of the object', numbersBytes(field));
  buffers.raw = device.allocate('measured magnitudes', numbersBytes(field));
  buffers.parameters = device.allocate('parameters', 16, UNIFORM);
}

export function uploadSupport({ device, field, plans, buffers }: Shared, support: Uint8Array): void {
  const words = packSupport(support, field, farEnd(plans.rows).count);
  device.upload((buffers.support ??= device.allocate('support', words.byteLength)), 0, words);
}

export function uploadShrink({ device, buffers }: Shared, { sigma, threshold, least, most }: ShrinkSupport): void {
  const numbers = new Float32Array([sigma, threshold, 0, 0, 0]);
  new Uint32Array(numbers.buffer).set([Math.ceil(least), Math.min(most, 2 ** 32 - 1), Math.ceil(3 * sigma)], 2);
  device.upload((buffers.shrink ??= device.allocate('shrink', numbers.byteLength, UNIFORM)), 0, numbers);
}

/** Encodes all that makes magnitudes and seeded starts, and resolves when it has been done. */
export async function uploadProblem(
  { device, buffers }: Shared,
  batches: readonly DeviceBatch[],
  { pattern, batch: { seeded }, objectMagnitudes }: BackendProblem,
  steps: SetupSteps,
): Promise<void> {
  const { magnitudes, mask, scale } = pattern;
  const upload = (buffer: GPUBuffer, numberAt: (i: number) => number) => {
    for (let at = 0; at < magnitudes.length; at += UPLOAD_NUMBERS) {
      const piece = new Float32Array(Math.min(UPLOAD_NUMBERS, magnitudes.length - at));
      for (let i = 0; i < piece.length; i++) piece[i] = numberAt(at + i);
      device.upload(buffer, 4 * at, piece);
    }
  };
  upload(buffers.raw!, (i) => (mask?.[i] === 0 ? -1 : magnitudes[i] * scale));
  if (objectMagnitudes) upload(buffers.objectMagnitudes!, (i) => objectMagnitudes[i] * scale);
  batches[0].run(steps.magnitudes, 0, 1);
  if (steps.weights) {
    for (const batch of batches) {
      const gains = Float32Array.from({ length: 2 * batch.starts }, (_, i) => (i % 2 ? pattern.energy : 1));
      device.upload(batch.buffer('gains'), 0, gains);
      batch.run(steps.weights);
    }
  }
  if (seeded) {
    const { seed, firstStart } = seeded;
    for (const batch of batches) {
      const words = [seed % 2 ** 32, Math.floor(seed / 2 ** 32), firstStart + batch.firstStart];
      device.upload(buffers.parameters!, 0, Uint32Array.from(words));
      batch.run(steps.start);
    }
  }
  await device.finish();
  device.free(buffers.raw!);
  device.free(buffers.parameters!);
}
