/**
 * How much memory batches of starts take. WebGPU tells how much one buffer holds, which decides how many starts make a
 * batch, but not how much memory there is: an allocation may still fail.
 */
import type { Device } from './device/device.js';
import { imageBytes, magnitudesBytes, numbersBytes, spectrumBytes, supportBytes, type Field } from './fields/field.js';
import { scratchBytes, type Plans } from './operations.js';
import type { BatchBuffer } from './step.js';
import { farEnd, roundUp } from './wgsl/plan.js';
import { tableBytes } from './wgsl/tables.js';

/** Starts are the third dimension of a dispatch: maxComputeWorkgroupsPerDimension of every device. */
const MOST_STARTS = 65_535;

/** Offsets of bindings are multiples of this on every device. */
export const BINDING_ALIGNMENT = 256;

/** This many records wait for one dispatch that sums up their partial residuals, if they fit. */
const MOST_WAITING = 64;
const FEWEST_WAITING = 8;
const WAITING_BYTES = 2 ** 24;

/** Residuals that are kept, and room for those too that are summed up with the newest. */
export const RECORDS_KEPT = 1024;
export const RECORDS = RECORDS_KEPT + MOST_WAITING;

/** The buffers of a batch of starts. */
export interface BatchLayout {
  /** Bytes of each. */
  bytes: Record<BatchBuffer, number>;
  /** Records whose partial residuals wait to be summed up. A divisor of `RECORDS`. */
  waiting: number;
  /** Bytes of the partial residuals of one record, [start][column]. */
  partialBytes: number;
  /** Bytes of the residuals of one record, [start]: any round of waiting records begins where a binding may. */
  residualBytes: number;
}

export function batchLayout(device: Device, field: Field, plans: Plans, starts: number): BatchLayout {
  const [spectrum, image, scratch] = [spectrumBytes, imageBytes, scratchBytes].map((of) => starts * of(field, plans));
  const support = starts * supportBytes(field, farEnd(plans.rows).count);
  const partialBytes = roundUp(4 * starts * field.stored, BINDING_ALIGNMENT);
  const residualBytes = roundUp(4 * starts, BINDING_ALIGNMENT / FEWEST_WAITING);
  const most = Math.min(WAITING_BYTES, device.largestBuffer.bytes);
  let waiting = MOST_WAITING;
  while (waiting > FEWEST_WAITING && waiting * partialBytes > most) waiting /= 2;
  const bytes = {
    ...{ spectrum, work: spectrum, object: image, iterate: image, scratch, moreScratch: scratch },
    ...{ partials: waiting * partialBytes, residuals: RECORDS * residualBytes, thresholds: 8 * starts },
    ...{ imposed: 2 * starts * magnitudesBytes(field), powers: 4 * starts * field.stored, gains: 8 * starts },
    ...{ ownSupport: support, candidates: support, blurred: starts * numbersBytes(field) },
  };
  return { bytes, waiting, partialBytes, residualBytes };
}

/** Starts of each batch: as many as its buffers hold. Refuses an image of which not even one start fits. */
export function batchSizes(device: Device, field: Field, plans: Plans, starts: number): number[] {
  const { bytes: limit } = device.largestBuffer;
  const bytesFor = (count: number) => batchLayout(device, field, plans, count).bytes;
  const tables = { 'table of columns': tableBytes(plans.columns), 'table of rows': tableBytes(plans.rows) };
  const needed = { 'measured magnitudes': numbersBytes(field), ...bytesFor(1), ...tables };
  for (const [name, bytes] of Object.entries(needed)) device.requireFits(name, bytes);
  let most = Math.min(starts, MOST_STARTS, Math.floor(limit / spectrumBytes(field)));
  while (Math.max(...Object.values(bytesFor(most))) > limit) most -= 1;
  return Array.from({ length: Math.ceil(starts / most) }, (_, batch) => Math.min(most, starts - batch * most));
}
