/** Bytes and numbers as files hold them. */
import { typedLength } from '../typed-arrays.js';

/** The same bytes as a Uint8Array of this realm, in memory that is neither shared nor resizable, which decoders refuse. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  if (typedLength(bytes) === 0) return new Uint8Array();
  const { buffer } = bytes;
  const isPlain = buffer instanceof ArrayBuffer && !(buffer as { resizable?: boolean }).resizable;
  if (!isPlain) return Uint8Array.from(bytes);
  // Not a Buffer, whose slice() shares memory where that of other arrays copies.
  return new Uint8Array(buffer, bytes.byteOffset, bytes.byteLength);
}

/** IEEE 754 binary16. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

export type SampleKind = 'unsigned' | 'signed' | 'float';

/** Reads one sample of 8, 16, 32 or 64 bits; undefined for a type that no format here has. */
export function sampleReader(
  kind: SampleKind,
  bits: number,
  little: boolean,
): ((view: DataView, at: number) => number) | undefined {
  switch (`${kind}${bits}`) {
    case 'unsigned8':
      return (view, at) => view.getUint8(at);
    case 'unsigned16':
      return (view, at) => view.getUint16(at, little);
    case 'unsigned32':
      return (view, at) => view.getUint32(at, little);
    case 'unsigned64':
      return (view, at) => Number(view.getBigUint64(at, little));
    case 'signed8':
      return (view, at) => view.getInt8(at);
    case 'signed16':
      return (view, at) => view.getInt16(at, little);
    case 'signed32':
      return (view, at) => view.getInt32(at, little);
    case 'signed64':
      return (view, at) => Number(view.getBigInt64(at, little));
    case 'float16':
      return (view, at) => halfToNumber(view.getUint16(at, little));
    case 'float32':
      return (view, at) => view.getFloat32(at, little);
    case 'float64':
      return (view, at) => view.getFloat64(at, little);
    default:
      return undefined;
  }
}

/** Whether float32 holds every value of the type exactly. */
export function fitsSingle(kind: SampleKind, bits: number): boolean {
  return kind === 'float' ? bits <= 32 : bits <= 16;
}
