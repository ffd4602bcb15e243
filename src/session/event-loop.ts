/**
 * Giving the event loop its turn: promises alone never do, because their callbacks run before timers, input and output.
 */

/** Resolves after the events that are waiting now had their turn; unlike `setTimeout(0)`, within microseconds. */
export function macrotask(): Promise<void> {
  if (typeof setImmediate === 'function') return new Promise((resolve) => void setImmediate(resolve));
  if (typeof MessageChannel === 'function') {
    return new Promise((resolve) => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    });
  }
  return new Promise((resolve) => void setTimeout(resolve, 0));
}
