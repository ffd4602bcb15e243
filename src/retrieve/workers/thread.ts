/**
 * Makes a worker thread from a script's text, in Node (worker_threads) and in browsers (Web Workers) alike, so that no
 * file has to be found at run time. The meaning of the messages is left to protocol.ts.
 */
// These are types only: nothing of Node is imported at run time.
import type * as Os from 'node:os';
import type * as Threads from 'node:worker_threads';

export interface WorkerThread {
  post: (message: unknown) => void;
  /** Stops the thread, whatever it is doing. */
  terminate: () => Promise<void>;
}

export interface WorkerEvents {
  message: (message: unknown) => void;
  /** The thread failed or ended by itself, and will send nothing more. */
  failure: (error: Error) => void;
}

/** Throws, or calls `failure` before any message, where workers are not allowed: a content security policy, permissions. */
export function startWorker(source: string, events: WorkerEvents): WorkerThread {
  const threads = nodeModule('node:worker_threads');
  return threads ? startNodeWorker(threads, source, events) : startWebWorker(source, events);
}

/** Returns how many threads can compute at once. */
export function availableCores(): number {
  const cores = nodeModule('node:os')?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.max(1, cores);
}

/**
 * Returns a built-in module of Node, or undefined elsewhere. An import would give bundlers for browsers something to
 * resolve.
 */
export function nodeModule(name: 'node:worker_threads'): typeof Threads | undefined;
export function nodeModule(name: 'node:os'): typeof Os | undefined;
export function nodeModule(name: 'node:worker_threads' | 'node:os'): unknown {
  // Browsers have no process, although the types say so.
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  return process?.getBuiltinModule?.(name);
}

function startNodeWorker(threads: typeof Threads, source: string, { message, failure }: WorkerEvents): WorkerThread {
  // The host's own flags may name loaders that are not meant for this thread.
  const worker = new threads.Worker(source, { eval: true, execArgv: [], name: 'rephase' });
  worker.on('message', message);
  worker.on('messageerror', failure);
  worker.on('error', failure);
  worker.on('exit', (code) => failure(new Error(`the worker thread ended with exit code ${code}`)));
  return {
    post: (data) => worker.postMessage(data),
    terminate: async () => {
      worker.removeAllListeners();
      await worker.terminate();
    },
  };
}

/** The address of each script. It stays valid as long as the page, because a worker fetches it some time later. */
const urls = new Map<string, string>();

function startWebWorker(source: string, { message, failure }: WorkerEvents): WorkerThread {
  let url = urls.get(source);
  if (!url) urls.set(source, (url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))));
  const worker = new Worker(url, { name: 'rephase' });
  worker.onmessage = (event) => message(event.data);
  worker.onmessageerror = () => failure(new Error('a message from the worker could not be read'));
  worker.onerror = (event) => failure(new Error(event.message || 'the worker could not be started'));
  return {
    post: (data) => worker.postMessage(data),
    terminate: () => Promise.resolve(worker.terminate()),
  };
}
