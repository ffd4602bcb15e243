/**
 * Phases without the jumps of 2π. Pixels are joined in the order of how reliable they are, as Herráez, Burton, Lalor & Gdeisat
 * do it (Applied Optics 41, 7437, 2002), which scikit-image's `unwrap_phase` follows too: what is smooth is joined first, and
 * noise, edges and residues are left for the end, where they do no harm to the rest.
 */
import { checkFinite, checkRealArray, checkShape, toMask } from '../problems/image.js';
import { rejectUnknownKeys } from '../problems/options.js';
import type { MaskArray, RealArray, Shape } from '../types.js';

/** What `unwrapPhase` takes beside the phase. */
export interface UnwrapOptions {
  /** Where there is a phase, rows × columns, such as the support of the object. Default: everywhere. */
  support?: MaskArray | undefined;
}

const TURN = 2 * Math.PI;

/**
 * Adds multiples of 2π to the phase of each pixel, so that neighbours differ by less than π wherever that is possible.
 * `phase`: radians, rows × columns, finite inside the support. The result is NaN outside the support. Parts of the support that
 * touch nowhere (pixels touch along sides) tell nothing about one another: each gets the multiple that brings its mean between −π
 * and π.
 *
 * Where the phase runs through 2π around a point, as around a zero of the wave (a residue), no such multiples exist: a line of
 * jumps is left, which goes from one such point to another, or to the edge, through what is least smooth. Where a phase that is
 * right steps by more than π from pixel to pixel, the result is not the right one.
 *
 * @throws InvalidArgumentError for arrays of another length, and for phases inside the support that are not finite
 */
export function unwrapPhase(phase: RealArray, shape: Shape, options: UnwrapOptions = {}): Float64Array<ArrayBuffer> {
  rejectUnknownKeys('options', options, ['support']);
  const size = checkShape('shape', shape);
  const [, columns] = size;
  const support = toMask('support', options.support, size, 'there would be no phase');
  const own = new Float64Array(checkRealArray('phase', phase, size));
  support?.forEach((inside, i) => {
    if (!inside) own[i] = 0;
  });
  checkFinite('phase', own, columns, 'double');

  const groups = new Groups(own);
  for (const edge of sortedEdges(own, size, support)) {
    const first = edge >> 1;
    groups.join(first, first + (edge & 1 ? columns : 1));
  }
  // Each group has its sum and count at its root.
  const [sums, counts] = [new Float64Array(own.length), new Uint32Array(own.length)];
  for (let i = 0; i < own.length; i++) {
    const root = groups.root(i);
    own[i] += TURN * groups.turns(i);
    sums[root] += own[i];
    counts[root] += 1;
  }
  for (let i = 0; i < own.length; i++) {
    const root = groups.root(i);
    own[i] = support?.[i] === 0 ? NaN : own[i] - TURN * Math.round(sums[root] / counts[root] / TURN);
  }
  return own;
}

/** The sets of pixels that are joined, each a tree; every pixel knows by how many turns it is off its parent. */
class Groups {
  readonly #phase: Float64Array;
  readonly #parent: Uint32Array;
  readonly #turns: Int32Array;
  readonly #size: Uint32Array;

  constructor(phase: Float64Array) {
    this.#phase = phase;
    this.#parent = new Uint32Array(phase.length);
    for (let i = 0; i < phase.length; i++) this.#parent[i] = i;
    this.#turns = new Int32Array(phase.length);
    this.#size = new Uint32Array(phase.length).fill(1);
  }

  /** The pixel that stands for the group. All pixels on the way to it become its children. */
  root(pixel: number): number {
    const [parent, turns] = [this.#parent, this.#turns];
    let [root, total] = [pixel, 0];
    for (; parent[root] !== root; root = parent[root]) total += turns[root];
    for (let at = pixel; at !== root;) {
      const [above, own] = [parent[at], turns[at]];
      parent[at] = root;
      turns[at] = total;
      total -= own;
      at = above;
    }
    return root;
  }

  /** The turns that are added to a pixel, once `root` was asked for it: those of roots are 0. */
  turns(pixel: number): number {
    return this.#turns[pixel];
  }

  /** Turns the smaller of the groups of two neighbours, so that these differ by at most half a turn. */
  join(a: number, b: number): void {
    const rootA = this.root(a);
    const rootB = this.root(b);
    if (rootA === rootB) return;
    const apart = Math.round((this.#phase[a] - this.#phase[b]) / TURN + this.#turns[a] - this.#turns[b]);
    const isLarger = this.#size[rootA] >= this.#size[rootB];
    const root = isLarger ? rootA : rootB;
    const child = isLarger ? rootB : rootA;
    this.#parent[child] = root;
    this.#turns[child] = isLarger ? apart : -apart;
    this.#size[root] += this.#size[child];
  }
}

/** The difference of two phases, between −π and π. */
function step(from: number, to: number): number {
  const difference = to - from;
  return difference - TURN * Math.round(difference / TURN);
}

/**
 * The pairs of neighbours inside the support, the most reliable first: 2 × the first pixel, plus 1 where the second is below it
 * and not to its right.
 */
function sortedEdges(phase: Float64Array, shape: Shape, support: Uint8Array | undefined): Uint32Array {
  const [rows, columns] = shape;
  const roughness = roughnessOf(phase, shape, support);
  const edges = new Uint32Array(2 * phase.length);
  const keys = new Float32Array(2 * phase.length);
  let count = 0;
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      if (support?.[i] === 0) continue;
      for (const down of [0, 1]) {
        const next = i + (down ? columns : 1);
        if ((down ? row + 1 === rows : column + 1 === columns) || support?.[next] === 0) continue;
        edges[count] = 2 * i + down;
        // The published order is that of the sum of reliabilities 1/D, and of borders, which have none, last.
        keys[count++] = 1 / (1 / roughness[i] + 1 / roughness[next]);
      }
    }
  }
  return sortedBy(edges.subarray(0, count), keys.subarray(0, count));
}

/** D of the paper, from the second differences in four directions; infinite where one of the eight neighbours is missing. */
function roughnessOf(phase: Float64Array, [rows, columns]: Shape, support: Uint8Array | undefined): Float64Array {
  const directions = [1, columns, columns + 1, columns - 1];
  const result = new Float64Array(phase.length).fill(Infinity);
  for (let row = 1; row + 1 < rows; row++) {
    for (let column = 1; column + 1 < columns; column++) {
      const i = row * columns + column;
      const isInside = directions.every((by) => support?.[i - by] !== 0 && support?.[i + by] !== 0);
      if (!isInside) continue;
      let squares = 0;
      for (const by of directions) {
        const second = step(phase[i - by], phase[i]) - step(phase[i], phase[i + by]);
        squares += second * second;
      }
      // A perfect plane must not divide by 0.
      result[i] = Math.sqrt(squares) + Number.EPSILON;
    }
  }
  return result;
}

/** Sorts values by keys that are not negative: as integers, the bits of such floats have their order. Radix sort, stable. */
function sortedBy(values: Uint32Array, keys: Float32Array): Uint32Array {
  let [from, fromBits] = [values.slice(), new Uint32Array(keys.slice().buffer)];
  let [to, toBits] = [new Uint32Array(values.length), new Uint32Array(values.length)];
  for (const shift of [0, 16]) {
    const places = new Uint32Array(65537);
    for (const bits of fromBits) places[((bits >>> shift) & 0xffff) + 1] += 1;
    for (let digit = 1; digit < places.length; digit++) places[digit] += places[digit - 1];
    for (let i = 0; i < from.length; i++) {
      const at = places[(fromBits[i] >>> shift) & 0xffff]++;
      to[at] = from[i];
      toBits[at] = fromBits[i];
    }
    [from, to, fromBits, toBits] = [to, from, toBits, fromBits];
  }
  return from;
}
