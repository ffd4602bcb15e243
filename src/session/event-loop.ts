/**
 * Yields to the event loop. Promises alone never do: their callbacks run before timers, input and output.
 */

/** Resolves when the events that wait now have been handled; unlike `setTimeout(0)`, it takes only microseconds. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') return void setImmediate(resolve);
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
