/** The addon's failures as the library's errors. */
import { DeviceLostError, OutOfMemoryError } from '../../src/errors.js';

/** `what`: needs the memory, where something is being made. */
export function translating<T>(call: () => T, what?: string): T {
  try {
    return call();
  } catch (error) {
    throw translated(error, what);
  }
}

/** Rejects with what the call throws, too. */
export async function translatingLater<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw translated(error);
  }
}

function translated(error: unknown, what?: string): unknown {
  const { code, message, required, available } = error as Record<string, unknown>;
  if (code === 'DEVICE_LOST') return new DeviceLostError(String(message), { cause: error });
  if (code !== 'OUT_OF_MEMORY') return error;
  const [needed, free] = [Math.ceil(Number(required)), Number(available)];
  const numbers = `${gibibytes(needed)} GiB (${needed} bytes)`;
  if (what === undefined || Number.isNaN(free)) {
    const text = Number.isNaN(needed) ? String(message) : `${String(message)}: ${numbers} were asked for`;
    return new OutOfMemoryError(text, needed, free, { cause: error });
  }
  const text = `${what} need ${numbers} of device memory, and ${gibibytes(free)} GiB (${free} bytes) are free`;
  return new OutOfMemoryError(text, needed, free);
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toPrecision(3);
}
