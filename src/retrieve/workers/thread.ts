/**
 * One worker thread made from a script's text, in Node (worker_threads) and in browsers (Web Workers) alike, so that no
 * file has to be found at run time. Knows nothing of what the messages mean.
 */
// Types only: nothing of Node is imported at run time.
import type * as Os from 'node:os';
import type * as Threads from 'node:worker_threads';

export interface WorkerThread {
  post(message: unknown): void;
  /** Stops the thread whatever it does. */
  terminate(): Promise<void>;
}

export interface WorkerEvents {
  message: (message: unknown) => void;
  /** The thread broke or ended by itself: nothing more will come from it. */
  failure: (error: Error) => void;
}

/** Throws, or calls `failure` before any message, where workers are not allowed: a content security policy, permissions. */
export function startWorker(source: string, events: WorkerEvents): WorkerThread {
  const threads = nodeModule('node:worker_threads');
  return threads ? startNodeWorker(threads, source, events) : startWebWorker(source, events);
}

/** How many threads can compute at once here. */
export function availableCores(): number {
  const cores = nodeModule('node:os')?.availableParallelism() ?? globalThis.navigator?.hardwareConcurrency ?? 1;
  return Math.max(1, cores);
}

/**
 * A built-in module of Node, and undefined elsewhere. Not an import, so that bundlers for browsers find nothing to
 * resolve.
 */
export function nodeModule(name: 'node:worker_threads'): typeof Threads | undefined;
export function nodeModule(name: 'node:os'): typeof Os | undefined;
export function nodeModule(name: 'node:worker_threads' | 'node:os'): unknown {
  // Undefined in browsers, whatever the types say.
  const { process } = globalThis as { process?: Partial<NodeJS.Process> };
  return process?.getBuiltinModule?.(name);
}

function startNodeWorker(threads: typeof Threads, source: string, { message, failure }: WorkerEvents): WorkerThread {
  // The host's own flags may name loaders that have no business in this thread.
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

function startWebWorker(source: string, { message, failure }: WorkerEvents): WorkerThread {
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  try {
    const worker = new Worker(url, { name: 'rephase' });
    worker.onmessage = (event) => {
      URL.revokeObjectURL(url);
      message(event.data);
    };
    worker.onmessageerror = () => failure(new Error('a message from the worker could not be read'));
    worker.onerror = (event) => {
      URL.revokeObjectURL(url);
      failure(new Error(event.message || 'the worker could not be started'));
    };
    return {
      post: (data) => worker.postMessage(data),
      terminate: () => {
        URL.revokeObjectURL(url);
        worker.terminate();
        return Promise.resolve();
      },
    };
  } catch (error) {
    URL.revokeObjectURL(url);
    throw error;
  }
}
