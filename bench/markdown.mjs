/** Numbers and tables as all documents have them, and the places in documents that they fill. */

/**
 * @param {(string | number)[][]} rows the first is the header
 * @param {number} [left] that many columns stand at the left, all others at the right
 */
export function table([header, ...rows], left = 1) {
  const rule = header.map((_, column) => (column < left ? '---' : '--:'));
  return [header, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

/** @param {number | undefined} us microseconds */
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
  return Math.abs(rounded) >= 100 ? String(Math.round(rounded)) : String(rounded);
}

/** A ratio; nothing where it cannot be formed. @param {number | undefined} value @param {number | undefined} to */
export function times(value, to = 1) {
  if (value === undefined || to === undefined || Number.isNaN(value / to)) return '–';
  const ratio = value / to;
  return `${ratio < 10 ? ratio.toFixed(ratio < 2 ? 2 : 1) : Math.round(ratio)}×`;
}

/** @param {number} n @param {number} [starts] */
export function image(n, starts = 1) {
  return `${n} × ${n}${starts > 1 ? `, ${starts} starts` : ''}`;
}

/**
 * Fills every place `<!-- bench: NAME -->…<!-- /bench: NAME -->` of a document.
 * @param {string} text
 * @param {Record<string, string>} figures by name
 */
export function fill(text, figures) {
  return text.replace(/(<!-- bench: (\S+) -->).*?(<!-- \/bench: \2 -->)/gs, (_, begin, name, end) => {
    if (figures[name] === undefined) throw new Error(`there are no figures called ${name}`);
    // Inside a sentence a marker has no line of its own.
    const gap = figures[name].includes('\n') ? '\n\n' : '';
    return `${begin}${gap}${figures[name]}${gap}${end}`;
  });
}
