/** Groups and their links: what is in a file, under which names. */
import { Cursor, type Layout, UNDEFINED_ADDRESS, damaged, decodeText } from './cursor.js';
import { walkTree1, walkTree2 } from './btree.js';
import { type Message, MessageType } from './header.js';
import { fractalHeap, localHeapText } from './heaps.js';

export type Link =
  | { kind: 'hard'; name: string; address: number }
  | { kind: 'soft'; name: string; target: string }
  | { kind: 'external'; name: string; file: string; target: string };

/** The links of a group; empty for an object that is none. */
export function readLinks(layout: Layout, messages: readonly Message[]): Link[] {
  const links: Link[] = [];
  for (const { type, body } of messages) {
    if (type === MessageType.Link) addLink(links, body);
    if (type === MessageType.SymbolTable) readSymbolTable(layout, body, links);
    if (type === MessageType.LinkInfo) readDenseLinks(layout, body, links);
  }
  return links;
}

function readDenseLinks(layout: Layout, body: Cursor, links: Link[]): void {
  body.advance(1);
  if (body.u8() & 1) body.advance(8);
  const heap = body.address();
  const names = body.address();
  if (heap === UNDEFINED_ADDRESS || names === UNDEFINED_ADDRESS) return;
  const object = fractalHeap(layout, heap);
  walkTree2(layout, names, (record, size) => {
    record.advance(4);
    const bytes = object(record.bytes(size - 4));
    const at = bytes.byteOffset - layout.bytes.byteOffset;
    addLink(links, new Cursor(layout, at, at + bytes.length));
  });
}

function addLink(links: Link[], cursor: Cursor): void {
  if (cursor.u8() !== 1) throw damaged('has a link of an unknown version');
  const flags = cursor.u8();
  const type = flags & 8 ? cursor.u8() : 0;
  if (flags & 4) cursor.advance(8);
  if (flags & 16) cursor.advance(1);
  const name = decodeText(cursor.bytes(cursor.unsigned(1 << (flags & 3))));
  if (type === 0) links.push({ kind: 'hard', name, address: cursor.address() });
  if (type === 1) links.push({ kind: 'soft', name, target: decodeText(cursor.bytes(cursor.u16())) });
  if (type === 64) {
    const value = new Cursor(cursor.layout, cursor.at + 2, cursor.at + 2 + cursor.u16());
    value.advance(1);
    links.push({ kind: 'external', name, file: value.text(), target: value.text() });
  }
}

function readSymbolTable(layout: Layout, body: Cursor, links: Link[]): void {
  const tree = body.address();
  const heap = body.address();
  walkTree1(
    layout,
    tree,
    0,
    (cursor) => cursor.length(),
    (_key, child) => {
      const node = Cursor.atAddress(layout, child);
      node.signature('SNOD');
      node.advance(2);
      for (let count = node.u16(); count > 0; count--) {
        const name = localHeapText(layout, heap, node.unsigned(layout.offsetSize));
        const address = node.address();
        const cached = node.u32();
        node.advance(4);
        const scratch = new Cursor(layout, node.at);
        node.advance(16);
        if (cached === 2) links.push({ kind: 'soft', name, target: localHeapText(layout, heap, scratch.u32()) });
        else links.push({ kind: 'hard', name, address });
      }
    },
  );
}
