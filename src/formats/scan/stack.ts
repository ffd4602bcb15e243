/** Where the zero frequency of patterns is: at [0, 0] in scans, in the middle in files. */
import type { CountArray } from '../../scan-types.js';
import type { Shape } from '../../types.js';

/** Moves `from` of every image of a stack to [0, 0], around the edges. Returns a new array. */
export function rolled<Stack extends CountArray>(
  stack: Stack,
  [rows, columns]: Shape,
  from: readonly [number, number],
) {
  const pixels = rows * columns;
  const sources = Uint32Array.from({ length: pixels }, (_, i) => {
    const [row, column] = [Math.floor(i / columns) + from[0], (i % columns) + from[1]];
    return (row % rows) * columns + (column % columns);
  });
  const moved = stack.slice() as Stack;
  for (let first = 0; first < stack.length; first += pixels) {
    for (let i = 0; i < pixels; i++) moved[first + i] = stack[first + sources[i]];
  }
  return moved;
}
