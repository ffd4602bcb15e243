/** `retrieve` for scans. */
import { requireBackend, selectDevice } from '../backends/registry.js';
import { AbortError } from '../errors.js';
import { inspectScanResult } from '../inspect/result.js';
import { PREVIEW_SECONDS, checkScanOptions, prepareScan } from '../problems/scan.js';
import type { Scan, ScanOptions, ScanReconstruction } from '../scan-types.js';
import { macrotask } from '../session/event-loop.js';
import { focusOf } from '../session/probe.js';
import { ofWorkers } from './run-jobs.js';
import { runScan, type ScanJob } from './scan-job.js';
import { scanOnWorker } from './workers/pool.js';

export async function retrieveScan(scan: Scan, options: ScanOptions): Promise<ScanReconstruction> {
  const { iterations, ...settings } = checkScanOptions(options);
  const { signal, onProgress, onPreview } = options;
  const setup = prepareScan(scan, settings);
  // Preparing a large scan takes its time: the event loop has its turn before the next step does.
  await macrotask();
  if (signal?.aborted) throw new AbortError(signal.reason);
  const { backend, index, device } = await selectDevice(settings);
  setup.probe ??= await focusOf(await requireBackend('wasm'), setup);
  if (signal?.aborted) throw new AbortError(signal.reason);
  const previewSeconds = onPreview && (options.previewSeconds ?? PREVIEW_SECONDS);
  const job: ScanJob = { setup, device: index, iterations, previewSeconds };
  const callbacks = { signal, onProgress, onPreview };
  const script = await backend.workerScript?.();
  const onWorker = script && (await ofWorkers(scanOnWorker(script, job, callbacks)));
  const result = onWorker ?? (await runScan(backend, job, callbacks));
  const { algorithm, alpha, beta } = settings;
  const how = { algorithm, alpha, beta, batch: setup.batch, backend: backend.name, device: device.name };
  const reconstruction: ScanReconstruction = { ...result, ...how, warnings: inspectScanResult(result) };
  const { firstIteration } = settings;
  if (result.iterations === firstIteration + iterations) return reconstruction;
  const error = new AbortError(signal?.reason);
  if (result.iterations > firstIteration) error.partialScan = reconstruction;
  throw error;
}
