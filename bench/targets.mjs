/** What rephase promises, next to what was measured: the ratios that a change must not lose. */

/** @param {any} results of run.mjs */
export function targets({ iterations = [], transforms = [], memory, complex = [], scans = [] }) {
  /** @type {{ what: string, target: string, measured: number, met: boolean }[]} */
  const list = [];
  const atLeast = (/** @type {string} */ what, /** @type {number} */ least, /** @type {number} */ measured) =>
    list.push({ what, target: `at least ${least}`, measured, met: measured >= least });
  const atMost = (/** @type {string} */ what, /** @type {number} */ most, /** @type {number} */ measured) =>
    list.push({ what, target: `at most ${most}`, measured, met: measured <= most });

  for (const { n, name, singleIsFasterBy, doubleIsFasterBy } of iterations) {
    if (name === 'numpy-port-c128') {
      atLeast(`${n}: times as fast as the NumPy port`, 10, singleIsFasterBy);
      atLeast(`${n}: the same in double precision`, 3, doubleIsFasterBy);
    }
    if (name === 'fft.js-port') atLeast(`${n}: times as fast as the fft.js port`, 15, singleIsFasterBy);
    if (name === 'scipy-tuned-f32-1t' && n >= 512 && Number.isInteger(Math.log2(n))) {
      atLeast(`${n}: times as fast as tuned SciPy, one thread`, n >= 1024 ? 1.3 : 1, singleIsFasterBy);
    }
  }
  for (const { length, lines, name, fasterBy } of transforms) {
    const what = `transform of ${length}, ${lines} lines a call: times as fast as pffft`;
    if (name === 'pffft') atLeast(what, 1, fasterBy);
  }
  for (const { algorithm, bytesPerPixel } of memory?.sessions ?? []) {
    const most = { gs: 12, hio: 16 }[/** @type {string} */ (algorithm)];
    if (most) atMost(`${algorithm}: bytes of memory a pixel`, most, bytesPerPixel);
  }
  for (const { n, what, name, singleIsFasterBy } of complex) {
    const subject = what === 'gs' ? 'complex object' : what;
    if (name.startsWith('scipy') && name.endsWith('1t'))
      atLeast(`${n}: ${subject}, times as fast as tuned SciPy, one thread`, 1.5, singleIsFasterBy);
  }
  for (const { n, name, patternsPerSecond, singleIsFasterBy } of scans) {
    if (name === 'rephase-wasm-f32-1t' && n === 128)
      atLeast(`${n}: patterns a second of rpie`, 4000, patternsPerSecond);
    if (name === 'scipy-rpie-c64-1t')
      atLeast(`${n}: rpie, times as fast as tuned SciPy, one thread`, 3, singleIsFasterBy);
  }
  if (memory) atMost('bytes of the module', 200 * 1024, memory.moduleBytes);
  return list;
}
