/**
 * Symmetry about a point. The pattern of a real object is centrosymmetric, so what differs between k and −k is noise, or
 * says that the point is not the zero frequency, or that the object is complex.
 */
import { type Pattern, middle } from './pattern.js';

export interface Symmetry {
  /** ‖M(k) − M(−k)‖ / ‖M‖ over the pixels whose opposite was measured too. */
  asymmetry: number;
  /** What the noise of counts explains of it: 0 where the numbers are no counts. */
  explained: number;
  /**
   * Standard deviations by which neighbouring differences resemble each other more than those of noise. Noise is
   * independent from pixel to pixel; speckles, which are two or more pixels wide, are not.
   */
  structure: number;
}

/** Variance of the square root of a Poisson count: 1/4 for many counts, and never more than this. */
const ROOT_VARIANCE = 0.42;

/**
 * The pattern's symmetry about `centre`, in rows and columns, each a multiple of one half. Around the edges of the array
 * only where the centre is the zero frequency of the array itself.
 */
export function symmetryAbout(pattern: Pattern, centre: readonly [row: number, column: number]): Symmetry {
  const { intensities, usable, shape } = pattern;
  const [rows, columns] = shape;
  const [sumRow, sumColumn] = [Math.round(2 * centre[0]), Math.round(2 * centre[1])];
  const [middleRow, middleColumn] = middle(shape);
  const around = (sum: number, own: number) => sum === 2 * own;
  const [aroundRows, aroundColumns] = [around(sumRow, middleRow), around(sumColumn, middleColumn)];
  let [differences, energy, measured] = [0, 0, 0];
  const resemblance = new Resemblance(columns);
  for (let row = 0; row < rows; row++) {
    resemblance.nextRow();
    const otherRow = aroundRows ? (((sumRow - row) % rows) + rows) % rows : sumRow - row;
    // A row and its opposite tell the same.
    if (otherRow < row || otherRow >= rows) continue;
    const weight = otherRow === row ? 1 : 2;
    for (let column = 0; column < columns; column++) {
      const other = aroundColumns ? (((sumColumn - column) % columns) + columns) % columns : sumColumn - column;
      if (other < 0 || other >= columns) continue;
      const [k, minusK] = [row * columns + column, otherRow * columns + other];
      if (!usable[k] || !usable[minusK]) continue;
      const [one, two] = [Math.sqrt(intensities[k]), Math.sqrt(intensities[minusK])];
      const difference = one - two;
      resemblance.add(column, difference);
      differences += weight * difference * difference;
      energy += (weight * (intensities[k] + intensities[minusK])) / 2;
      if (one + two > 0) measured += weight;
    }
  }
  const norm = energy || 1;
  return {
    asymmetry: Math.sqrt(differences / norm),
    explained: pattern.counts ? Math.sqrt((2 * ROOT_VARIANCE * measured) / norm) : 0,
    structure: resemblance.deviations,
  };
}

/**
 * How much neighbouring differences resemble each other: the sum of their products over what that sum is for independent
 * numbers of either sign. The few pixels of the brightest speckles would be all of that sum, so it is made of roots of the
 * differences too, and the clearest counts.
 */
class Resemblance {
  // Of the differences' products, their roots, and the roots of those.
  readonly #products = [0, 0, 0];
  readonly #variances = [0, 0, 0];
  #row: Float64Array;
  #above: Float64Array;

  constructor(columns: number) {
    this.#row = new Float64Array(columns);
    this.#above = new Float64Array(columns);
  }

  nextRow(): void {
    [this.#row, this.#above] = [this.#above, this.#row];
    this.#row.fill(0);
  }

  add(column: number, difference: number): void {
    this.#row[column] = difference;
    if (difference === 0) return;
    this.#pair(difference * this.#above[column]);
    if (column > 0) this.#pair(difference * this.#row[column - 1]);
  }

  #pair(product: number): void {
    if (product === 0) return;
    const size = Math.abs(product);
    const root = Math.sqrt(size);
    const fourth = Math.sqrt(root);
    const [products, variances] = [this.#products, this.#variances];
    products[0] += product;
    products[1] += product < 0 ? -root : root;
    products[2] += product < 0 ? -fourth : fourth;
    variances[0] += size * size;
    variances[1] += size;
    variances[2] += root;
  }

  get deviations(): number {
    return Math.max(...this.#products.map((sum, root) => sum / Math.sqrt(this.#variances[root] || 1)));
  }
}

/** Smaller asymmetries matter to nobody. */
const LEAST_ASYMMETRY = 0.02;
/** In standard deviations; patterns have up to 10⁷ pixels, and nobody wants to be warned of chance. */
const LEAST_STRUCTURE = 6;

/** The asymmetry is more than noise. */
export function isAsymmetric({ asymmetry, explained, structure }: Symmetry): boolean {
  return asymmetry > LEAST_ASYMMETRY && asymmetry > 1.2 * explained && structure > LEAST_STRUCTURE;
}
