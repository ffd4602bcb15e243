/** What a scan's HDF5 file holds, by path: numbers in SI units, text, arrays, complex arrays and counts. */
import type { CountArray } from '../../scan-types.js';
import { refused } from '../hdf5/cursor.js';
import { type Dataset, DatasetReader, type Numbers, asDataset, asParts, textOf } from '../hdf5/dataset.js';
import type { Hdf5File } from '../hdf5/file.js';

/** An array and its extents; complex numbers are interleaved, and their extents without the 2. */
export interface Stored<Data extends Numbers = Float64Array> {
  data: Data;
  extents: readonly number[];
}

/** What a chunked dataset may expand to: patterns are mostly zeros, and compress well. */
const MOST_BYTES = 2 ** 30;
const MOST_EXPANSION = 64;

/** Multiples of metres and joules. */
const UNITS: Record<string, number> = {
  ...{ m: 1, mm: 1e-3, um: 1e-6, µm: 1e-6, μm: 1e-6, micron: 1e-6, microns: 1e-6, nm: 1e-9, pm: 1e-12 },
  ...{ angstrom: 1e-10, Å: 1e-10, A: 1e-10, cm: 1e-2, meter: 1, metre: 1, meters: 1, metres: 1 },
  ...{ J: 1, eV: 1.602176634e-19, keV: 1.602176634e-16, MeV: 1.602176634e-13 },
};

/** What one of a unit is in metres or joules; undefined for a unit that is not known. */
export function unitOf(name: string): number | undefined {
  return UNITS[name.trim()];
}

export class Contents {
  constructor(
    readonly file: Hdf5File,
    /** Size of the file. */
    readonly bytes: number,
  ) {}

  /** The first of these paths that is a dataset. */
  first(paths: readonly string[]): Dataset | undefined {
    for (const path of paths) {
      const found = this.file.find(path);
      const dataset = found && asDataset(found);
      if (dataset) return dataset;
    }
    return undefined;
  }

  text(path: string): string | undefined {
    const dataset = this.first([path]);
    return dataset && textOf(dataset);
  }

  /** The numbers at the first of these paths that is there, as the units that the file names say. */
  numbers(...paths: string[]): Stored | undefined {
    const dataset = this.first(paths);
    if (!dataset) return undefined;
    const data = new Float64Array(this.#room(dataset, 8));
    this.#read(dataset, data);
    const factor = this.#factor(dataset);
    return { data: factor === 1 ? data : data.map((number) => number * factor), extents: dataset.extents };
  }

  /** The first number there. */
  number(...paths: string[]): number | undefined {
    return this.numbers(...paths)?.data[0];
  }

  /** Real ones too, as complex numbers. */
  complex(...paths: string[]): Stored | undefined {
    const dataset = this.first(paths);
    const parts = dataset && asParts(dataset);
    if (!parts) {
      const real = this.numbers(...paths);
      const data =
        real && Float64Array.from({ length: 2 * real.data.length }, (_, i) => (i % 2 ? 0 : real.data[i >> 1]));
      return real && { data: data!, extents: real.extents };
    }
    const data = new Float64Array(this.#room(parts, 8));
    this.#read(parts, data);
    return { data, extents: dataset.extents };
  }

  /** Unsigned integers as they are, others as floating-point numbers that hold them. */
  counts(...paths: string[]): (Stored<CountArray> & { path: string }) | undefined {
    const dataset = this.first(paths);
    if (!dataset) return undefined;
    const { type } = dataset;
    const isWhole = type.kind === 'integer' && !type.signed && type.size <= 4;
    const isNarrow = type.size <= (type.kind === 'float' ? 4 : 2);
    const bytes = isWhole ? (type.size as 1 | 2 | 4) : isNarrow ? 4 : 8;
    const length = this.#room(dataset, bytes);
    const Kind = isWhole ? WHOLE[type.size as 1 | 2 | 4] : isNarrow ? Float32Array : Float64Array;
    const data = new Kind(length);
    this.#read(dataset, data);
    return { data, extents: dataset.extents, path: dataset.path };
  }

  /** Checks that there may be this much, and returns how many numbers it is. */
  #room(dataset: Dataset, bytesEach: number): number {
    const length = dataset.extents.reduce((product, extent) => product * extent, 1);
    const most = Math.max(MOST_BYTES, MOST_EXPANSION * this.bytes);
    if (length * bytesEach > most) {
      const what = `${dataset.path} (${dataset.extents.join(' × ')})`;
      throw refused(
        `claims ${length * bytesEach} bytes in ${what}, which is more than is taken from a file of its size`,
      );
    }
    return length;
  }

  #read(dataset: Dataset, data: Numbers): void {
    const reader = new DatasetReader(dataset, { mostChunkBytes: Math.max(24 * 2 ** 20 + 8 * this.bytes, 2 ** 28) });
    if (data.length > 0) reader.read({ start: dataset.extents.map(() => 0), count: dataset.extents }, data);
  }

  #factor(dataset: Dataset): number {
    const units = this.file.attributes(dataset.object).get('units');
    if (typeof units !== 'string' || units === '') return 1;
    const factor = unitOf(units);
    if (factor === undefined)
      throw refused(`has ${dataset.path} in ${units}; takes lengths in m to pm, energies in J or eV`);
    return factor;
  }
}

const WHOLE = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };
