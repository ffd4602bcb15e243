/** Positions from text: a column for rows and one for columns, named or in this order. */
import { FileFormatError } from '../../errors.js';
import { unitOf } from './contents.js';

/** Row and column of each position, in metres or in pixels of the object. */
export interface Positions {
  data: Float64Array;
  /** Undefined where nothing is said. */
  unit: 'metres' | 'pixels' | undefined;
}

/**
 * Reads two columns, which semicolons, tabs, commas or spaces separate, whichever of them comes first in this list. A first line
 * may name them: `row` or `y`, `column`, `col` or `x`, each with a unit in brackets, such as `x [um]`; other columns are left
 * out. Without names there are two, and the first is the row. Lines that begin with # are comments.
 * @throws FileFormatError
 */
export function parsePositions(text: string): Positions {
  const lines = text
    .split(/\r?\n/)
    .map((line, i) => ({ number: i + 1, cells: cellsOf(line) }))
    .filter(({ cells }) => cells.length > 0);
  const isNamed = lines.length > 0 && lines[0].cells.some((cell) => /[a-z]{2}|^"?[a-z]/i.test(cell));
  const named = isNamed ? lines.shift()!.cells.map(parseName) : [{ axis: 0 }, { axis: 1 }];
  const columns = [0, 1].map((axis) => named.findIndex((name) => name?.axis === axis));
  if (columns.includes(-1)) {
    throw new FileFormatError(
      'its first line names no positions; takes row and column, or y and x, with units as in x [um]',
    );
  }
  const unnamed = isNamed ? undefined : lines.find(({ cells }) => cells.slice(2).some((cell) => cell !== ''));
  if (unnamed) {
    const { number, cells } = unnamed;
    throw new FileFormatError(
      `line ${number}: got ${cells.length} columns without names; takes two, row and column, or a first line that names them, such as row [px],column [px]`,
    );
  }
  const factors = columns.map((at) => (named[at] as { factor?: number }).factor);
  if ((factors[0] === 0) !== (factors[1] === 0))
    throw new FileFormatError('it has one column in pixels, and one in metres');
  const data = Float64Array.from(
    lines.flatMap(({ number, cells }) =>
      columns.map((at, axis) => {
        const value = cells[at] === undefined || cells[at] === '' ? NaN : Number(cells[at]);
        if (Number.isFinite(value)) return value * (factors[axis] || 1);
        const hint = cells[at]?.includes(',') ? ' with a decimal point' : '';
        throw new FileFormatError(
          `line ${number}: got ${JSON.stringify(cells[at] ?? '')}; takes a number${hint} in column ${at + 1}`,
        );
      }),
    ),
  );
  if (data.length === 0) throw new FileFormatError('it has no positions');
  const unit = factors[0] === 0 ? 'pixels' : factors.some((factor) => factor !== undefined) ? 'metres' : undefined;
  return { data, unit };
}

function cellsOf(line: string): string[] {
  const text = line.trim();
  if (text === '' || text.startsWith('#')) return [];
  const separator = [';', '\t', ','].find((mark) => text.includes(mark)) ?? /\s+(?![[(])/;
  return text.split(separator).map((cell) => cell.trim());
}

const AXES: Record<string, number> = { row: 0, y: 0, column: 1, col: 1, x: 1 };

/** The axis that a column is named after, and metres of its unit: 0 for pixels, undefined where it has none. */
function parseName(cell: string): { axis: number; factor?: number } | undefined {
  const parts = /^"?([a-z]+)"?\s*(?:[[(](.+)[\])])?"?$/i.exec(cell);
  const axis = parts && AXES[parts[1].toLowerCase()];
  if (!parts || axis === undefined || axis === null) return undefined;
  const unit = parts[2] as string | undefined;
  if (unit === undefined) return { axis };
  if (/^(px|pixels?)$/i.test(unit)) return { axis, factor: 0 };
  const factor = unitOf(unit);
  if (factor === undefined) throw new FileFormatError(`it has a column in ${unit}; takes m, mm, um, nm, pm or px`);
  return { axis, factor };
}
