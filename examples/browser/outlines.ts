/** Supports that are drawn: outlines become pixels. */
import type { Shape } from 'rephase';
import type { Outline } from './settings.js';

/** Outlines one after the other: each fills its inside with 1, or with 0 where it cuts. */
export function supportOf(outlines: readonly Outline[], shape: Shape): Uint8Array<ArrayBuffer> {
  const support = new Uint8Array(shape[0] * shape[1]);
  for (const { cuts, points } of outlines) {
    for (let row = 0; row < shape[0]; row++) {
      const crossings = crossingsOf(points, row + 0.5);
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        const [from, to] = [crossings[i], crossings[i + 1]].map((x) => clamp(Math.round(x), shape[1]));
        support.fill(cuts ? 0 : 1, row * shape[1] + from, row * shape[1] + to);
      }
    }
  }
  return support;
}

/** Columns where the closed line crosses a row, from left to right. */
function crossingsOf(points: Outline['points'], y: number): number[] {
  const columns: number[] = [];
  points.forEach(([row, column], i) => {
    const [nextRow, nextColumn] = points[(i + 1) % points.length];
    if (row <= y === nextRow <= y) return;
    columns.push(column + ((y - row) / (nextRow - row)) * (nextColumn - column));
  });
  return columns.sort((a, b) => a - b);
}

function clamp(column: number, columns: number): number {
  return Math.min(Math.max(column, 0), columns);
}
