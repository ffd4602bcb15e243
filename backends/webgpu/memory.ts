/**
 * How much memory a session takes, before it takes any. WebGPU tells how much one buffer holds, which is checked here, and
 * not how much there is; so that an allocation may still fail, and the error then says what all of them need.
 */
import { largestBuffer, requireFits } from './buffers.js';
import type { Device } from './device.js';
import { imageBytes, magnitudesBytes, spectrumBytes, type Layout } from './layout.js';
import { scratchBytes, supportCount, type PartBuffer, type Plans } from './operations.js';
import { leastRecordBytes, recordBytes, startsRecorded } from './part.js';
import { tableBytes } from './tables.js';

/** Starts are the third dimension of a dispatch: maxComputeWorkgroupsPerDimension of every device. */
const MOST_STARTS = 65_535;

/** What each start takes of each buffer of a part. */
export function bytesOfStart(layout: Layout, plans: Plans): Record<PartBuffer, number> {
  const [spectrum, image, scratch] = [spectrumBytes(layout), imageBytes(layout), scratchBytes(layout, plans)];
  return { spectrum, work: spectrum, object: image, iterate: image, scratch, moreScratch: scratch };
}

export function supportBytes(layout: Layout, plans: Plans): number {
  return 4 * layout.pairs * supportCount(plans);
}

/**
 * How many starts share a buffer, part by part: as many as it holds of everything that grows with them. Refuses an image
 * of which not even one fits.
 */
export function partSizes(device: Device, layout: Layout, plans: Plans, starts: number): number[] {
  requireFits(device, 'measured magnitudes', imageBytes(layout));
  requireFits(device, 'spectrum', spectrumBytes(layout));
  requireFits(device, 'line buffer', scratchBytes(layout, plans));
  requireFits(device, 'record of misfits', leastRecordBytes(layout, 1));
  for (const factors of [plans.columns, plans.rows]) requireFits(device, 'table of twiddles', tableBytes(factors));
  const { bytes } = largestBuffer(device);
  const fitting = Math.floor(bytes / Math.max(...Object.values(bytesOfStart(layout, plans))));
  const most = Math.min(starts, MOST_STARTS, fitting, startsRecorded(layout, bytes));
  return Array.from({ length: Math.ceil(starts / most) }, (_, part) => Math.min(most, starts - part * most));
}

/** Bytes that creation allocates in all: a part's buffers, what parts share, and the magnitudes as they are uploaded. */
export function creationBytes(
  device: Device,
  layout: Layout,
  plans: Plans,
  { parts, used, withSupport }: { parts: readonly number[]; used: readonly PartBuffer[]; withSupport: boolean },
): number {
  const each = bytesOfStart(layout, plans);
  const start = used.reduce((sum, name) => sum + each[name], 0);
  const inParts = parts.map((starts) => {
    const { misfits, sums } = recordBytes(device, layout, starts);
    return misfits + sums + starts * start;
  });
  const shared = magnitudesBytes(layout) + imageBytes(layout) + (withSupport ? supportBytes(layout, plans) : 0);
  return inParts.reduce((sum, bytes) => sum + bytes, shared);
}
