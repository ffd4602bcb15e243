/** These calls as promises, so that what is thrown and what is rejected looks alike. */
export function asPromises(calls: readonly (() => unknown)[]): (() => Promise<unknown>)[] {
  return calls.map((call) => () => new Promise((resolve) => resolve(call())));
}
