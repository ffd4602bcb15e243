/** The two kinds of trees by which HDF5 finds links and chunks. Both walks visit a bounded number of nodes. */
import { Cursor, type Layout, UNDEFINED_ADDRESS, damaged } from './cursor.js';
import { bytesFor } from './heaps.js';

/** A file of n bytes cannot hold more nodes than this many: the walk of a tree that meets itself ends here. */
function nodeBudget(layout: Layout): { left: number } {
  return { left: 16 + Math.ceil(layout.bytes.length / 16) };
}

/** Visits the leaves of a tree of version 1; `key` reads the key in front of each child, `leaf` takes both. */
export function walkTree1<Key>(
  layout: Layout,
  address: number,
  type: 0 | 1,
  key: (cursor: Cursor) => Key,
  leaf: (key: Key, child: number) => void,
): void {
  const budget = nodeBudget(layout);
  const visit = (node: number, level: number | undefined): void => {
    if (budget.left-- <= 0) throw damaged('has a tree that meets itself');
    const cursor = Cursor.atAddress(layout, node);
    cursor.signature('TREE');
    if (cursor.u8() !== type) throw damaged('has a tree of another kind than it says');
    const own = cursor.u8();
    if (level !== undefined && own !== level) throw damaged('has a tree whose levels do not fit');
    const entries = cursor.u16();
    cursor.advance(2 * layout.offsetSize);
    for (let entry = 0; entry < entries; entry++) {
      const found = key(cursor);
      const child = cursor.address();
      if (own === 0) leaf(found, child);
      else visit(child, own - 1);
    }
  };
  if (address !== UNDEFINED_ADDRESS) visit(address, undefined);
}

/** Visits the records of a tree of version 2. */
export function walkTree2(layout: Layout, address: number, record: (cursor: Cursor, size: number) => void): void {
  if (address === UNDEFINED_ADDRESS) return;
  const head = Cursor.atAddress(layout, address);
  const start = head.at;
  head.signature('BTHD');
  head.advance(2);
  const nodeSize = head.u32();
  const size = head.u16();
  const depth = head.u16();
  head.advance(2);
  const root = head.address();
  const rootRecords = head.u16();
  head.length();
  head.checksum(start);
  if (size === 0 || nodeSize < 10 + size || depth > 32) throw damaged('has an impossible tree');

  // How many records nodes of each depth can hold says how wide the counts beside their children are.
  const leafMost = Math.floor((nodeSize - 10) / size);
  const countBytes = bytesFor(leafMost);
  const totalBytes = [0];
  let total = leafMost;
  for (let level = 1; level <= depth; level++) {
    const pointer = layout.offsetSize + countBytes + totalBytes[level - 1];
    const most = Math.floor((nodeSize - 10 - pointer) / (size + pointer));
    total = (most + 1) * total + most;
    totalBytes[level] = bytesFor(total);
  }

  const budget = nodeBudget(layout);
  const visit = (node: number, records: number, level: number): void => {
    if (budget.left-- <= 0) throw damaged('has a tree that meets itself');
    const cursor = Cursor.atAddress(layout, node);
    const begin = cursor.at;
    cursor.signature(level === 0 ? 'BTLF' : 'BTIN');
    cursor.advance(2);
    const first = cursor.at;
    cursor.advance(records * size);
    const children: [number, number][] = [];
    for (let child = 0; level > 0 && child <= records; child++) {
      children.push([cursor.address(), cursor.unsigned(countBytes)]);
      cursor.advance(totalBytes[level - 1]);
    }
    cursor.checksum(begin);
    for (let index = 0; index < records; index++) {
      record(new Cursor(layout, first + index * size, first + (index + 1) * size), size);
    }
    for (const [child, count] of children) visit(child, count, level - 1);
  };
  if (root !== UNDEFINED_ADDRESS && rootRecords > 0) visit(root, rootRecords, depth);
}
