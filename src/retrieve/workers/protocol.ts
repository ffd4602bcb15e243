/**
 * The messages between `retrieve` and its workers, and the worker's side of the exchange. Errors travel as plain data,
 * because structured cloning keeps neither their class nor their `code`.
 */
import type { Backend } from '../../backends/interface.js';
import { BackendUnavailableError, DeviceLostError, InvalidArgumentError, OutOfMemoryError } from '../../errors.js';
import { inspect, type Warning } from '../../inspect/index.js';
import { combine, type Combined, type Starts } from '../combine.js';
import { refine, type Average, type Refined } from '../refine.js';
import { runJob, type Job, type JobResult } from '../job.js';
import { runScan, type ScanJob, type ScanJobResult } from '../scan-job.js';
import type { ScanPreview } from '../../scan-types.js';
import type { StartState } from '../../session/start-state.js';
import type { Problem, Progress } from '../../types.js';

export type ToWorker =
  | { type: 'run'; job: Job; data: unknown }
  | { type: 'inspect'; problem: Problem }
  | { type: 'combine'; starts: Starts; data: unknown }
  | { type: 'refine'; average: Average; data: unknown }
  | { type: 'scan'; job: ScanJob; data: unknown }
  /** The states or the preview that were sent have been dealt with. */
  | { type: 'taken' }
  | { type: 'abort' };

/** What a worker makes of a request. */
export type Answer = JobResult | Warning[] | Combined | Refined | ScanJobResult;

/** What a job tells while it runs. */
export type Report =
  | { type: 'progress'; progress: Progress }
  | { type: 'states'; states: StartState[] }
  | { type: 'preview'; preview: ScanPreview };

export type FromWorker =
  { type: 'ready' } | Report | { type: 'done'; result: Answer } | { type: 'failed'; error: PackedError };

/** How a worker sends and receives: through `parentPort` in Node, through the global scope in browsers. */
export interface WorkerPort {
  post(message: FromWorker, transfer: ArrayBuffer[]): void;
  listen(listener: (message: ToWorker) => void): void;
}

/** Does the one piece of work that a worker gets. `makeBackend` takes the data of `Backend.workerScript`. */
export function serveJob(port: WorkerPort, makeBackend: (data: unknown) => Backend): void {
  const abort = new AbortController();
  let taken: () => void;
  /** The run waits, so that images do not pile up where they are dealt with more slowly than made. */
  const waitFor = (report: Report, transfer: ArrayBuffer[]) =>
    new Promise<void>((resolve) => {
      taken = resolve;
      port.post(report, transfer);
    });
  port.listen((message) => {
    if (message.type === 'abort') abort.abort();
    else if (message.type === 'taken') taken();
    else void answer(message);
  });
  port.post({ type: 'ready' }, []);

  async function answer(message: Exclude<ToWorker, { type: 'abort' | 'taken' }>): Promise<void> {
    try {
      if (message.type === 'inspect') {
        return port.post({ type: 'done', result: inspect(message.problem).warnings }, []);
      }
      if (message.type === 'combine') {
        return port.post({ type: 'done', result: await combine(makeBackend(message.data), message.starts) }, []);
      }
      if (message.type === 'refine') {
        const result = (await refine(makeBackend(message.data), message.average))!;
        return port.post({ type: 'done', result }, [result.image.buffer]);
      }
      const onProgress = (progress: Progress) => port.post({ type: 'progress', progress }, []);
      const options = { onProgress, signal: abort.signal };
      if (message.type === 'scan') {
        const onPreview = (preview: ScanPreview) =>
          waitFor({ type: 'preview', preview }, [preview.object.buffer, preview.probe.buffer]);
        const result = await runScan(makeBackend(message.data), message.job, {
          ...options,
          onPreview: message.job.previewSeconds === undefined ? undefined : onPreview,
        });
        return port.post({ type: 'done', result }, [result.object.buffer, result.probe.buffer]);
      }
      const onStates = (states: StartState[]) => {
        const arrays = states.flatMap(({ object, spectrum }) => [object, spectrum]);
        return waitFor(
          { type: 'states', states },
          arrays.map(({ buffer }) => buffer as ArrayBuffer),
        );
      };
      const { job } = message;
      const result = await runJob(makeBackend(message.data), job, {
        ...options,
        onStates: job.stateSeconds === undefined ? undefined : onStates,
      });
      const images = [result.object, result.feasible, ...(result.objects ?? [])];
      port.post(
        { type: 'done', result },
        images.map((image) => image.buffer),
      );
    } catch (error) {
      port.post({ type: 'failed', error: packError(error) }, []);
    }
  }
}

/** An error as structured cloning keeps it. */
export interface PackedError {
  name: string;
  message: string;
  stack: string | undefined;
  /** The own properties of the error: `code`, and those that its class adds. */
  details: Readonly<Record<string, unknown>>;
}

export function packError(thrown: unknown): PackedError {
  const error = typeof thrown === 'object' && thrown !== null ? (thrown as Error) : new Error(String(thrown));
  const details = Object.entries(error).filter(([, value]) => ['string', 'number'].includes(typeof value));
  return { name: error.name, message: error.message, stack: error.stack, details: Object.fromEntries(details) };
}

/** The classes that opening and running a session can throw, by their codes. */
const CLASSES: Readonly<Record<string, { prototype: Error }>> = {
  INVALID_ARGUMENT: InvalidArgumentError,
  BACKEND_UNAVAILABLE: BackendUnavailableError,
  OUT_OF_MEMORY: OutOfMemoryError,
  DEVICE_LOST: DeviceLostError,
};

/** Makes an error of the same class, `code` and properties, or a plain `Error` for one that is not rephase's. */
export function unpackError({ name, message, stack, details }: PackedError): Error {
  const { prototype } = CLASSES[String(details.code)] ?? Error;
  const error = Object.setPrototypeOf(new Error(message), prototype) as Error;
  return Object.assign(error, details, { name }, stack !== undefined && { stack });
}
