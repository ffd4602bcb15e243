/** Numbers and tables as the document has them. */

/** @param {(string | number)[][]} rows the first is the header; columns of numbers stand at the right */
export function table([header, ...rows], left = 1) {
  const rule = header.map((_, column) => (column < left ? '---' : '--:'));
  return [header, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** @param {number | undefined} us */
export function time(us) {
  if (us === undefined || Number.isNaN(us)) return '–';
  if (us < 0.9995) return `${digits(1000 * us)} ns`;
  if (us < 999.5) return `${digits(us)} µs`;
  return us < 999_500 ? `${digits(us / 1000)} ms` : `${digits(us / 1e6)} s`;
}

/** @param {number} bytes */
export function size(bytes) {
  const sign = bytes < 0 ? '−' : '';
  const absolute = Math.abs(bytes);
  if (absolute < 1024) return `${sign}${Math.round(absolute)} B`;
  const power = Math.min(3, Math.floor(Math.log2(absolute) / 10));
  return `${sign}${digits(absolute / 1024 ** power)} ${['B', 'KiB', 'MiB', 'GiB'][power]}`;
}

/** Three digits, and no power of ten. @param {number} value */
export function digits(value) {
  const rounded = Number(value.toPrecision(3));
  return Math.abs(rounded) >= 100
    ? String(Math.round(rounded))
    : rounded
        .toPrecision(3)
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '');
}

/** @param {number} ratio */
export function times(ratio) {
  return `${ratio < 10 ? ratio.toFixed(ratio < 2 ? 2 : 1) : Math.round(ratio)}×`;
}

/** What a ratio is above one, in per cent. @param {number} ratio */
export function percent(ratio) {
  const value = 100 * (ratio - 1);
  return `${value < 0 ? '−' : ''}${Math.abs(value).toFixed(Math.abs(value) < 9.95 ? 1 : 0)} %`;
}

/** @param {number} n */
export const image = (n) => `${n} × ${n}`;
