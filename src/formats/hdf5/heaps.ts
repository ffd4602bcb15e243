/** Where HDF5 keeps what has no fixed size: names (local heap), strings (global heap), and many links (fractal heap). */
import { Cursor, type Layout, UNDEFINED_ADDRESS, damaged } from './cursor.js';

/** The text at an offset of a local heap. */
export function localHeapText(layout: Layout, heapAddress: number, offset: number): string {
  const cursor = Cursor.atAddress(layout, heapAddress);
  cursor.signature('HEAP');
  cursor.advance(4);
  const size = cursor.length();
  cursor.length();
  const data = Cursor.atAddress(layout, cursor.address(), size);
  data.advance(offset);
  return data.text();
}

/** An object of a global heap, by the address of its collection and its number there. */
export function globalHeapObject(layout: Layout, address: number, index: number): Uint8Array {
  const head = Cursor.atAddress(layout, address);
  const start = head.at;
  head.signature('GCOL');
  head.advance(4);
  const cursor = new Cursor(layout, head.at + layout.lengthSize, start + head.length());
  while (cursor.end - cursor.at >= 8 + layout.lengthSize) {
    const found = cursor.u16();
    cursor.advance(6);
    const size = cursor.length();
    if (found === 0) break;
    const object = cursor.bytes(size);
    if (found === index) return object;
    cursor.advance(Math.min((8 - (size % 8)) % 8, cursor.end - cursor.at));
  }
  throw damaged('refers to an object that its global heap lacks');
}

/** Reads objects of a fractal heap by their IDs. */
export function fractalHeap(layout: Layout, address: number): (id: Uint8Array) => Uint8Array {
  const { offsetSize } = layout;
  const head = Cursor.atAddress(layout, address);
  const start = head.at;
  head.signature('FRHP');
  head.advance(1);
  head.advance(2);
  const filtered = head.u16() > 0;
  const flags = head.u8();
  const mostManaged = head.u32();
  head.advance(2 * layout.lengthSize + 2 * offsetSize + 8 * layout.lengthSize);
  const width = head.u16();
  const first = head.length();
  const mostDirect = head.length();
  const offsetBytes = Math.ceil(head.u16() / 8);
  head.advance(2);
  const root = head.address();
  const rootRows = head.u16();
  if (filtered) throw damaged('compresses its group structure, which is not supported');
  head.checksum(start);
  const powers = (size: number): boolean => size > 0 && Number.isInteger(Math.log2(size));
  if (!powers(width) || !powers(first) || !powers(mostDirect) || mostDirect < first || offsetBytes > 8) {
    throw damaged('has an impossible fractal heap');
  }
  const directRows = Math.log2(mostDirect) - Math.log2(first) + 2;
  const lengthBytes = Math.min(bytesFor(mostDirect), bytesFor(mostManaged));
  const blockHead = 5 + offsetSize + offsetBytes + (flags & 2 ? 4 : 0);

  const find = (offset: number, block: number, rows: number, from: number, depth: number): [number, number] => {
    if (block === UNDEFINED_ADDRESS || depth > 32) throw damaged('refers to an object that its fractal heap lacks');
    if (rows === 0) return [block, from];
    const cursor = Cursor.atAddress(layout, block);
    cursor.signature('FHIB');
    cursor.advance(1 + offsetSize + offsetBytes);
    let position = from;
    for (let row = 0; row < rows; row++) {
      const size = first * 2 ** Math.max(0, row - 1);
      for (let column = 0; column < width; column++, position += size) {
        const child = cursor.address();
        if (offset < position || offset >= position + size) continue;
        const childRows = row < directRows ? 0 : Math.log2(size) - Math.log2(first * width) + 1;
        if (childRows < 0 || childRows >= rows + 64) break;
        return find(offset, child, childRows, position, depth + 1);
      }
    }
    throw damaged('refers to an object that its fractal heap lacks');
  };

  return (id) => {
    const kind = (id[0] >> 4) & 3;
    if (kind === 2) return id.subarray(1, 2 + (id[0] & 15));
    if (kind !== 0) throw damaged('keeps a link or an attribute of more than 64 KiB, which is not supported');
    const fields = new Cursor({ ...layout, bytes: id }, 1);
    const offset = fields.unsigned(offsetBytes);
    const length = fields.unsigned(Math.min(lengthBytes, fields.end - fields.at));
    const [block, from] = find(offset, root, rootRows, 0, 0);
    const cursor = Cursor.atAddress(layout, block);
    cursor.signature('FHDB');
    if (offset - from < blockHead) throw damaged('refers to an object that its fractal heap lacks');
    const object = Cursor.atAddress(layout, block + offset - from);
    return object.bytes(length);
  };
}

/** How many bytes hold a number up to `most`. */
export function bytesFor(most: number): number {
  return Math.floor(Math.log2(Math.max(1, most)) / 8) + 1;
}
