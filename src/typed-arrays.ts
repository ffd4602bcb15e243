/**
 * Typed arrays by what the engine knows of them. `instanceof` fails for arrays of other realms (iframes, vm contexts, test
 * runners), and the properties of a subclass or a proxy can say anything; the getters of %TypedArray% cannot be deceived.
 */

const prototype = Object.getPrototypeOf(Uint8Array.prototype) as object;
const read = (key: PropertyKey, array: unknown) => Reflect.get(prototype, key, array) as unknown;

/** Returns 'Float32Array', 'Uint8Array' and so on, or undefined for anything that is no typed array. */
export function typedKind(value: unknown): string | undefined {
  return read(Symbol.toStringTag, value) as string | undefined;
}

/** Returns how many entries a typed array has: 0 when its memory was transferred away. */
export function typedLength(array: ArrayBufferView): number {
  return read('length', array) as number;
}

const KINDS = { Float32Array, Float64Array, Uint8Array, Uint8ClampedArray, Uint16Array, Uint32Array };

/** Returns the numbers of an array of one of these kinds as a plain array of this realm, over the same memory. */
export function plainView<
  Data extends Float32Array | Float64Array | Uint8Array | Uint8ClampedArray | Uint16Array | Uint32Array,
>(array: Data): Data {
  const Kind = KINDS[typedKind(array) as keyof typeof KINDS];
  return new Kind(
    read('buffer', array) as ArrayBuffer,
    read('byteOffset', array) as number,
    typedLength(array),
  ) as Data;
}

/** Whether a value is a Uint8Array or a Buffer. */
export function isBytes(value: unknown): value is Uint8Array {
  return typedKind(value) === 'Uint8Array';
}
