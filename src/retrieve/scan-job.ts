/**
 * Runs a whole reconstruction of a scan as one unit of work: opens a session, runs it, reads it, disposes of it. On a worker
 * where a backend computes on the calling thread.
 */
import type { Backend } from '../backends/interface.js';
import { AbortError } from '../errors.js';
import type { ScanSetup } from '../problems/scan.js';
import type { ScanReconstruction, ScanRunOptions } from '../scan-types.js';
import { openScanSession } from '../session/scan-session.js';

/** One reconstruction, checked. */
export interface ScanJob {
  setup: ScanSetup;
  device: number;
  /** Beside those before `firstIteration`. */
  iterations: number;
  /** Seconds between previews; undefined for none. */
  previewSeconds?: number | undefined;
}

/** What a job makes; an aborted one has fewer iterations than it was asked for. */
export type ScanJobResult = Omit<
  ScanReconstruction,
  'algorithm' | 'alpha' | 'beta' | 'batch' | 'backend' | 'device' | 'warnings'
>;

/** An aborted run resolves as well, with what it has reached: `iterations` tells. */
export async function runScan(backend: Backend, job: ScanJob, options: ScanRunOptions): Promise<ScanJobResult> {
  const { setup, device, iterations, previewSeconds } = job;
  const session = await openScanSession(backend, device, setup);
  try {
    const began = performance.now();
    try {
      await session.run(iterations, { ...options, previewSeconds });
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
    }
    const seconds = (performance.now() - began) / 1000;
    return {
      object: await session.readObject(),
      objectShape: session.objectShape,
      probe: await session.readProbe(),
      modes: session.modes,
      positions: await session.readPositions(),
      residual: await session.residual(),
      keepPatterns: session.keepPatterns,
      ...(setup.settings.history && { history: await session.history() }),
      iterations: session.iterations,
      seconds,
    };
  } finally {
    session.dispose();
  }
}
