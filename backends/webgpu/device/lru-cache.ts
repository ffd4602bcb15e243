/**
 * Keeps what a device makes once for all sessions, up to a total weight, and drops what was used least recently. Dropped
 * values are not destroyed, because sessions may still use them; the garbage collector frees them after that.
 */
export class LruCache<Value> {
  readonly #most: number;
  /** In the order of their last use. */
  readonly #kept = new Map<string, { value: Value; weight: number }>();
  #weight = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get(key: string): Value | undefined {
    const entry = this.#kept.get(key);
    if (!entry) return undefined;
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    return entry.value;
  }

  set(key: string, value: Value, weight: number): Value {
    this.delete(key);
    this.#kept.set(key, { value, weight });
    this.#weight += weight;
    for (const [oldest] of this.#kept) {
      if (this.#weight <= this.#most || oldest === key) break;
      this.delete(oldest);
    }
    return value;
  }

  delete(key: string): void {
    this.#weight -= this.#kept.get(key)?.weight ?? 0;
    this.#kept.delete(key);
  }
}
