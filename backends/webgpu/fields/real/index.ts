/** A real object: its spectrum is Hermitian, and half of it is stored. */
import type { Shape } from '../../../../src/types.js';
import { fieldOf, type Field, type FieldKind } from '../field.js';
import * as lines from './lines.js';
import * as longLines from './long-lines.js';
import * as rule from './rule.js';
import * as spectrum from './spectrum.js';
import * as start from './start.js';

const REAL: FieldKind = {
  ...{ pixelNumbers: 1, spectrumScale: 2, rowsInLine: 2, interleaved: false },
  types: { spectrum: lines.SPECTRUM_TYPE },
  functions: lines.JOIN_AND_SPLIT,
  ...lines,
  ...longLines,
  ...rule,
  ...spectrum,
  ...start,
};

export function realField(shape: Shape): Field {
  const [rows, columns] = shape;
  return fieldOf(REAL, '', shape, Math.floor(columns / 2) + 1, 2 * Math.ceil(rows / 2));
}
