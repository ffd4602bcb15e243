/**
 * One HDF5 file: its objects by path, across soft and external links, and everything in it that is a dataset. Other files
 * come from a `Library`, which knows those that were loaded already and says which are still to be.
 */
import { refused, type Layout } from './cursor.js';
import { type Link, readLinks } from './groups.js';
import { type Message, readMessages, readSuperblock } from './header.js';
import { type AttributeValue, readAttributes } from './types.js';

/** Thrown when a file beside this one is needed: the caller loads it and starts anew. */
export class NeedsFiles extends Error {
  constructor(readonly names: readonly string[]) {
    super(`needs ${names.join(', ')}`);
  }
}

/** The file that was given, and those beside it that it refers to. `undefined` is one that could not be loaded. */
export class Library {
  readonly #loaded = new Map<string, Hdf5File | undefined>();
  /** How deep and how often virtual datasets refer to others, which is bounded. */
  depth = 0;
  virtualReads = 0;
  /** How many rows and columns of virtual datasets were listed. */
  coordinates = 0;

  add(name: string, bytes: Uint8Array | undefined): void {
    this.#loaded.set(name, bytes && new Hdf5File(bytes, this));
  }

  /** @throws NeedsFiles when nobody tried to load it yet */
  file(name: string): Hdf5File | undefined {
    if (!this.#loaded.has(name)) throw new NeedsFiles([name]);
    return this.#loaded.get(name);
  }

  /** Asks for all of them at once. */
  request(names: readonly string[]): void {
    const missing = [...new Set(names)].filter((name) => !this.#loaded.has(name));
    if (missing.length > 0) throw new NeedsFiles(missing);
  }
}

export interface Hdf5Object {
  file: Hdf5File;
  address: number;
  path: string;
  messages: readonly Message[];
}

/** A link to another file, found while listing. */
export interface ExternalLink {
  path: string;
  file: string;
  target: string;
}

/** More objects than this are not looked at. */
const MOST_OBJECTS = 100_000;
const MOST_LINKS = 40;

export class Hdf5File {
  readonly layout: Layout;
  readonly #root: number;
  readonly #links = new Map<number, Link[]>();

  constructor(
    bytes: Uint8Array,
    readonly library: Library,
  ) {
    const { layout, root } = readSuperblock(bytes);
    this.layout = layout;
    this.#root = root;
  }

  object(address: number, path: string): Hdf5Object {
    return { file: this, address, path, messages: readMessages(this.layout, address) };
  }

  /** The object at a path; undefined when there is none, or when its link leads nowhere. */
  find(path: string, budget = { left: MOST_LINKS }): Hdf5Object | undefined {
    let parts = path.split('/').filter((part) => part !== '' && part !== '.');
    let address = this.#root;
    const walked: string[] = [];
    while (parts.length > 0) {
      const [name, ...rest] = parts;
      const link = this.#linksOf(address).find((candidate) => candidate.name === name);
      if (!link) return undefined;
      if (link.kind === 'hard') {
        address = link.address;
        walked.push(name);
        parts = rest;
        continue;
      }
      if (budget.left-- <= 0) return undefined;
      if (link.kind === 'external') {
        const other = this.library.file(link.file);
        const target = [link.target, ...rest].join('/');
        if (!other) throw missing(`/${[...walked, ...parts].join('/')}`, [link.file]);
        return other.find(target, budget);
      }
      const target = link.target.split('/').filter((part) => part !== '' && part !== '.');
      if (link.target.startsWith('/')) {
        parts = [...target, ...rest];
        address = this.#root;
        walked.length = 0;
      } else parts = [...target, ...rest];
    }
    return this.object(address, `/${walked.join('/')}`);
  }

  /** Everything that hard links lead to, each once, by the first path that leads there; and links to other files. */
  list(): { objects: Hdf5Object[]; external: ExternalLink[] } {
    const objects: Hdf5Object[] = [];
    const external: ExternalLink[] = [];
    const seen = new Set<number>([this.#root]);
    const waiting: [address: number, path: string][] = [[this.#root, '']];
    for (let next = 0; next < waiting.length; next++) {
      const [address, path] = waiting[next];
      for (const link of this.#linksOf(address)) {
        const own = `${path}/${link.name}`;
        if (link.kind === 'external') external.push({ path: own, file: link.file, target: link.target });
        if (link.kind !== 'hard' || seen.has(link.address)) continue;
        if (seen.size >= MOST_OBJECTS) throw refused(`has more than ${MOST_OBJECTS} objects; name one`);
        seen.add(link.address);
        waiting.push([link.address, own]);
        objects.push(this.object(link.address, own));
      }
    }
    return { objects, external };
  }

  attributes(object: Hdf5Object): Map<string, AttributeValue> {
    return readAttributes(this.layout, object.messages.map(rewound));
  }

  #linksOf(address: number): Link[] {
    let links = this.#links.get(address);
    if (!links) {
      links = readLinks(this.layout, readMessages(this.layout, address));
      this.#links.set(address, links);
    }
    return links;
  }
}

/** Messages are read by moving along them: a fresh cursor for each reading. */
export function rewound({ type, body }: Message): Message {
  return { type, body: body.fork() };
}

export function messageOf(object: Hdf5Object, type: number): Message | undefined {
  const found = object.messages.find((message) => message.type === type);
  return found && rewound(found);
}

/** The refusal of what is in files that are not there. */
export function missing(path: string, files: readonly string[]) {
  const listed = files.slice(0, 5).join(', ') + (files.length > 5 ? `, … (${files.length} files)` : '');
  return refused(
    `has ${path} in ${listed}, which cannot be read beside it: keep them in one folder, or give that file`,
  );
}
