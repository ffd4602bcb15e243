/**
 * How much memory a session takes, computed before it takes any. WebGPU tells how much one buffer holds, which is checked
 * here, but not how much memory there is. An allocation may therefore still fail, and its error says what all need.
 */
import { leastRecordBytes, recordBytes, startsRecorded } from './batch.js';
import { largestBuffer, requireFits } from './device/buffers.js';
import type { Device } from './device/device.js';
import { imageBytes, magnitudesBytes, spectrumBytes, supportBytes, type RealField } from './fields/real/layout.js';
import { scratchBytes, type Plans } from './operations.js';
import type { BatchBuffer } from './step.js';
import { farEnd } from './wgsl/plan.js';
import { tableBytes } from './wgsl/tables.js';

/** Starts are the third dimension of a dispatch: maxComputeWorkgroupsPerDimension of every device. */
const MOST_STARTS = 65_535;

/** Bytes of one start in each buffer of a batch. */
export function bytesOfStart(field: RealField, plans: Plans): Record<BatchBuffer, number> {
  const [spectrum, image, scratch] = [spectrumBytes(field), imageBytes(field), scratchBytes(field, plans)];
  return { spectrum, work: spectrum, object: image, iterate: image, scratch, moreScratch: scratch };
}

/**
 * Starts of each batch: as many as one buffer holds of everything that grows with them. Refuses an image of which not even
 * one start fits.
 */
export function batchSizes(device: Device, field: RealField, plans: Plans, starts: number): number[] {
  requireFits(device, 'measured magnitudes', imageBytes(field));
  requireFits(device, 'spectrum', spectrumBytes(field));
  requireFits(device, 'line buffer', scratchBytes(field, plans));
  requireFits(device, 'record of residuals', leastRecordBytes(field, 1));
  for (const factors of [plans.columns, plans.rows]) requireFits(device, 'table of twiddles', tableBytes(factors));
  const { bytes } = largestBuffer(device);
  const fitting = Math.floor(bytes / Math.max(...Object.values(bytesOfStart(field, plans))));
  const most = Math.min(starts, MOST_STARTS, fitting, startsRecorded(field, bytes));
  return Array.from({ length: Math.ceil(starts / most) }, (_, batch) => Math.min(most, starts - batch * most));
}

/** Bytes that creation allocates in all: the buffers of batches, what they share, and the magnitudes as uploaded. */
export function creationBytes(
  device: Device,
  field: RealField,
  plans: Plans,
  { batches, used, withSupport }: { batches: readonly number[]; used: readonly BatchBuffer[]; withSupport: boolean },
): number {
  const each = bytesOfStart(field, plans);
  const start = used.reduce((sum, name) => sum + each[name], 0);
  const inBatches = batches.map((starts) => {
    const { partials, residuals } = recordBytes(device, field, starts);
    return partials + residuals + starts * start;
  });
  const shared =
    magnitudesBytes(field) + imageBytes(field) + (withSupport ? supportBytes(field, farEnd(plans.rows).count) : 0);
  return inBatches.reduce((sum, bytes) => sum + bytes, shared);
}
