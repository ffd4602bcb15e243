/**
 * A check for shapes that a caller only names, before arrays are made for them. Sessions make their own, exact estimate,
 * but of a problem whose arrays are there already.
 */
import { OutOfMemoryError } from '../errors.js';
import type { ObjectKind, Precision, Shape } from '../types.js';

/** What the wasm backend's 32-bit addresses reach. */
const LIMIT = 2 ** 32;

/** Throws an `OutOfMemoryError` where the wasm backend cannot hold a session of this shape. */
export function requireMemory([rows, columns]: Shape, precision: Precision, object: ObjectKind = 'real'): void {
  // As many numbers in the half spectrum and in the object as there are pixels, and half as many magnitudes. Of complex
  // objects twice as many of each.
  const numbers = (object === 'complex' ? 5 : 2.5) * rows * columns;
  const bytes = Math.ceil(numbers * (precision === 'single' ? 4 : 8));
  if (bytes <= LIMIT) return;
  const what = `${rows} × ${columns} pixels in ${precision} precision`;
  const need = `at least ${(bytes / 2 ** 30).toPrecision(3)} GiB (${bytes} bytes)`;
  throw new OutOfMemoryError(`${what} need ${need}; the wasm backend can address 4 GiB (${LIMIT} bytes)`, bytes, LIMIT);
}
