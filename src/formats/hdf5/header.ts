/** The superblock, and the headers of objects: lists of messages, each of a type, in one or several blocks. */
import { Cursor, type Layout, UNDEFINED_ADDRESS, damaged, refused } from './cursor.js';

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

/** Where the signature is: at the beginning, or behind a block of the user's of 512, 1024, 2048 … bytes. */
export function findSignature(bytes: Uint8Array): number | undefined {
  for (let at = 0; at + 8 <= bytes.length; at = at === 0 ? 512 : at * 2) {
    if (SIGNATURE.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return undefined;
}

export interface Superblock {
  layout: Layout;
  /** Address of the root group's header. */
  root: number;
}

export function readSuperblock(bytes: Uint8Array): Superblock {
  const at = findSignature(bytes);
  if (at === undefined) throw damaged('has no signature');
  const head = new Cursor({ bytes, base: 0, offsetSize: 8, lengthSize: 8 }, at);
  head.advance(8);
  const version = head.u8();
  if (version > 3) throw refused(`has a superblock of version ${version}; takes 0 to 3`);
  if (version <= 1) head.advance(4);
  const [offsetSize, lengthSize] = [head.u8(), head.u8()];
  if (![2, 4, 8].includes(offsetSize) || ![2, 4, 8].includes(lengthSize)) throw damaged('has impossible addresses');
  const sized: Layout = { bytes, base: 0, offsetSize, lengthSize };
  const cursor = new Cursor(sized, head.at);
  cursor.advance(version <= 1 ? 9 : 1);
  if (version === 1) cursor.advance(4);
  // The base that the file states is wrong where a block was put in front of it afterwards.
  cursor.address();
  cursor.address();
  const end = cursor.address();
  let root: number;
  if (version <= 1) {
    cursor.address();
    cursor.advance(offsetSize);
    root = cursor.address();
  } else {
    root = cursor.address();
    cursor.checksum(at);
  }
  if (at + end > bytes.length && end > bytes.length) {
    throw refused(`is truncated: it says that it has ${end} bytes, and has ${bytes.length}`);
  }
  return { layout: { ...sized, base: at }, root };
}

export interface Message {
  type: number;
  /** Points at the message's first byte and ends behind its last. */
  body: Cursor;
}

export const MessageType = {
  Dataspace: 1,
  LinkInfo: 2,
  Datatype: 3,
  OldFill: 4,
  Fill: 5,
  Link: 6,
  ExternalStorage: 7,
  DataLayout: 8,
  Filters: 11,
  Attribute: 12,
  Continuation: 16,
  SymbolTable: 17,
  AttributeInfo: 21,
} as const;

/** More messages and blocks than any header has. */
const MOST_MESSAGES = 65536;
const MOST_BLOCKS = 4096;

/** All messages of the object at an address; those shared with other objects are looked up. */
export function readMessages(layout: Layout, address: number, depth = 0): Message[] {
  const cursor = Cursor.atAddress(layout, address);
  const letters = String.fromCharCode(...layout.bytes.subarray(cursor.at, cursor.at + 4));
  const messages: Message[] = [];
  const blocks: [at: number, size: number][] = [];
  let [messageHead, hasOrder] = [8, false];
  const start = cursor.at;
  if (letters === 'OHDR') {
    cursor.advance(4);
    cursor.advance(1);
    const flags = cursor.u8();
    if (flags & 32) cursor.advance(16);
    if (flags & 16) cursor.advance(4);
    const size = cursor.unsigned(1 << (flags & 3));
    hasOrder = (flags & 4) !== 0;
    messageHead = hasOrder ? 6 : 4;
    blocks.push([cursor.at, size]);
    cursor.advance(size);
    cursor.checksum(start);
  } else {
    if (cursor.u8() !== 1) throw damaged('lacks the header of an object');
    cursor.advance(7);
    blocks.push([cursor.at + 8, cursor.u32()]);
  }
  for (let block = 0; block < blocks.length; block++) {
    if (block >= MOST_BLOCKS) throw damaged('has a header that does not end');
    const [at, size] = blocks[block];
    const within = new Cursor(layout, at, at + size);
    while (within.end - within.at >= messageHead) {
      if (messages.length >= MOST_MESSAGES) throw damaged('has a header that does not end');
      const type = letters === 'OHDR' ? within.u8() : within.u16();
      const length = within.u16();
      const flags = within.u8();
      within.advance(letters === 'OHDR' ? (hasOrder ? 2 : 0) : 3);
      const body = new Cursor(layout, within.at, Math.min(within.at + length, within.end));
      within.advance(length);
      if (type === MessageType.Continuation) {
        const next = Cursor.atAddress(layout, body.address(), body.length());
        if (letters === 'OHDR') {
          const begin = next.at;
          next.signature('OCHK');
          const inside = next.end - begin - 8;
          if (inside < 0) throw damaged('has a header that is cut short');
          next.advance(inside);
          next.checksum(begin);
          blocks.push([begin + 4, inside]);
        } else {
          blocks.push([next.at, next.end - next.at]);
        }
      } else if (flags & 2) {
        messages.push({ type, body: sharedMessage(layout, type, body, depth) });
      } else {
        messages.push({ type, body });
      }
    }
  }
  return messages;
}

/** A message that stands in the header of another object, such as a type that has a name. */
export function sharedMessage(layout: Layout, type: number, body: Cursor, depth: number): Cursor {
  const version = body.u8();
  const kind = body.u8();
  if (version === 1) body.advance(6);
  if (version === 3 && kind === 1) throw refused('shares messages through a heap, which is not supported');
  const address = body.address();
  if (depth > 8 || address === UNDEFINED_ADDRESS) throw damaged('shares a message that is not there');
  const found = readMessages(layout, address, depth + 1).find((message) => message.type === type);
  if (!found) throw damaged('shares a message that is not there');
  return found.body;
}
