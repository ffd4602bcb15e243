/** HDF5's scale-offset filter: integers, or decimal floats, as differences from the least, in as few bits as they need. */
import { damaged, refused } from './cursor.js';
import { viewOf } from './types.js';

/** `values` are the filter's: scale type, scale factor, elements, class, size, sign, order, fill defined, fill value. */
export function decodeScaleOffset(input: Uint8Array, most: number, values: readonly number[]): Uint8Array {
  const [scaleType, scaleFactor, elements, kind, size, , order, fillDefined] = values;
  const isFloat = kind === 1;
  if (values.length < 8 || ![1, 2, 4, 8].includes(size) || (isFloat && (scaleType !== 0 || size < 4))) {
    throw refused('uses a kind of the scale-offset filter that is not read');
  }
  if (elements * size > most || input.length < 21) throw damaged('has a chunk that expands to more than it holds');
  const view = viewOf(input);
  const bits = view.getUint32(0, true);
  let least = 0n;
  for (let i = Math.min(8, input[4]) - 1; i >= 0; i--) least = (least << 8n) | BigInt(input[5 + i]);
  const width = BigInt(size * 8);
  const output = new Uint8Array(elements * size);
  const out = viewOf(output);
  const data = input.subarray(21);
  if (bits > size * 8) throw damaged('has a chunk of impossible bits');
  if (bits === size * 8) {
    if (data.length < output.length) throw damaged('has a chunk that holds less than it should');
    output.set(data.subarray(0, output.length));
    return output;
  }
  if (data.length * 8 < elements * bits) throw damaged('has a chunk that holds less than it should');
  const allOnes = (1n << BigInt(bits)) - 1n;
  const fill = values.slice(8).reduce((sum, word, index) => sum | (BigInt(word >>> 0) << BigInt(32 * index)), 0n);
  const little = order === 0;
  const leastFloat =
    size === 4 ? viewOf(bytesOf(least)).getFloat32(0, true) : viewOf(bytesOf(least)).getFloat64(0, true);
  const factor = 10 ** -(scaleFactor | 0);
  for (let i = 0, bit = 0; i < elements; i++) {
    let value = 0n;
    for (let left = bits; left > 0;) {
      const free = 8 - (bit & 7);
      const take = Math.min(free, left);
      const part = (data[bit >> 3] >> (free - take)) & ((1 << take) - 1);
      value = (value << BigInt(take)) | BigInt(part);
      left -= take;
      bit += take;
    }
    const at = i * size;
    const isFill = fillDefined !== 0 && bits > 0 && value === allOnes;
    if (isFloat && !isFill) {
      const number = Number(value) * factor + leastFloat;
      if (size === 4) out.setFloat32(at, number, little);
      else out.setFloat64(at, number, little);
      continue;
    }
    const whole = BigInt.asUintN(Number(width), isFill ? fill : value + least);
    for (let byte = 0; byte < size; byte++) {
      output[at + (little ? byte : size - 1 - byte)] = Number((whole >> BigInt(8 * byte)) & 255n);
    }
  }
  return output;
}

function bytesOf(value: bigint): Uint8Array {
  return Uint8Array.from({ length: 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}
