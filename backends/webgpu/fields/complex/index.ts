/** A complex object: k and −k are independent, and the whole spectrum is stored. */
import type { Shape } from '../../../../src/types.js';
import { fieldOf, type Field, type FieldKind } from '../field.js';
import * as lines from './lines.js';
import * as longLines from './long-lines.js';
import * as rule from './rule.js';
import * as spectrum from './spectrum.js';
import * as start from './start.js';

const COMPLEX: FieldKind = {
  ...{ pixelNumbers: 2, spectrumScale: 1, rowsInLine: 1, interleaved: true },
  types: { object: 'array<vec2f>', iterate: 'array<vec2f>', next: 'array<vec2f>' },
  functions: '',
  ...lines,
  ...longLines,
  ...rule,
  ...spectrum,
  ...start,
};

export function complexField(shape: Shape): Field {
  const [rows, columns] = shape;
  return fieldOf(COMPLEX, ' complex', shape, columns, rows);
}
