/** What is simulated, here and in the tests: objects with edges and smooth parts; of scans a lens's aperture and a spiral. */

/** @typedef {readonly [rows: number, columns: number]} Shape */

/**
 * The mean pattern of a lens whose aperture reaches to `radius` of the highest frequency. Its edge is soft, so that the beam
 * ends.
 * @param {Shape} shape
 * @param {number} radius
 */
export function aperture([rows, columns], radius) {
  const signed = (/** @type {number} */ index, /** @type {number} */ count) =>
    (2 * (index < count / 2 ? index : index - count)) / count;
  return Float64Array.from({ length: rows * columns }, (_, k) => {
    const q = Math.hypot(signed(Math.floor(k / columns), rows), signed(k % columns, columns)) / radius;
    return 1 / (1 + Math.exp((q - 1) * Math.min(rows, columns) * radius)) ** 2;
  });
}

/**
 * The defocus in pixels² / wavelength that is so many radians at the edge of the aperture.
 * @param {number} radius
 * @param {number} radians
 */
export function defocusOf(radius, radians) {
  return radians / (Math.PI * (radius / 2) ** 2);
}

/**
 * Row and column on a Fermat spiral with about `step` pixels between neighbours, from `margin` on.
 * @param {number} count
 * @param {number} step
 * @param {number} margin
 * @param {boolean} whole they are rounded to whole pixels
 */
export function spiral(count, step, margin, whole) {
  const places = Float64Array.from({ length: 2 * count }, (_, i) => {
    const [radius, angle] = [step * 0.57 * Math.sqrt(i >> 1), (i >> 1) * Math.PI * (3 - Math.sqrt(5))];
    return radius * (i % 2 ? Math.cos(angle) : Math.sin(angle));
  });
  const least = [0, 1].map((axis) => Math.min(...places.filter((_, i) => i % 2 === axis)));
  const placed = places.map((place, i) => place - least[i % 2] + margin);
  return whole ? placed.map((place) => Math.floor(place + 0.5)) : placed;
}

/**
 * A weakly absorbing phase object of overlapping discs, interleaved: sizes from 0.75 to 1, phases from −1.6 to 0.3.
 * @param {Shape} shape
 * @param {() => number} random numbers from 0 to 1
 */
export function discs([rows, columns], random) {
  const between = (/** @type {number} */ least, /** @type {number} */ most) => least + (most - least) * random();
  const [phase, absorption] = [new Float64Array(rows * columns), new Float64Array(rows * columns)];
  for (let disc = 0; disc < (rows * columns) / 150; disc++) {
    const [y, x, radius, aspect] = [between(0, rows), between(0, columns), between(2, 7), between(0.6, 1.6)];
    const [darker, later] = [between(0, 0.08), between(0.1, 0.5)];
    for (let i = 0; i < phase.length; i++) {
      const distance = Math.hypot(Math.floor(i / columns) - y, ((i % columns) - x) * aspect);
      // Soft over about a pixel, so that the spectrum stays inside the detector.
      const inside = 1 / (1 + Math.exp(2 * (distance - radius)));
      phase[i] -= inside * later;
      absorption[i] += inside * darker;
    }
  }
  return Float64Array.from({ length: 2 * phase.length }, (_, i) => {
    const [size, angle] = [Math.exp(-Math.min(absorption[i >> 1], 0.3)), Math.max(phase[i >> 1], -1.6)];
    return size * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
}

/**
 * 14 overlapping discs, whose places are random, in the middle of an empty square.
 * @param {number} side
 */
export function overlappingDiscs(side) {
  const image = new Float64Array(side * side);
  // Park & Miller, Comm. ACM 31, 1192 (1988).
  let state = 7;
  const random = () => (state = (state * 16807) % (2 ** 31 - 1)) / (2 ** 31 - 1);
  for (let disc = 0; disc < 14; disc++) {
    const [angle, distance] = [2 * Math.PI * random(), 0.24 * side * Math.sqrt(random())];
    const [row, column] = [side / 2 + distance * Math.cos(angle), side / 2 + 0.6 * distance * Math.sin(angle)];
    const [radius, value] = [side * (0.03 + 0.08 * random()), 0.3 + random()];
    for (let i = 0; i < image.length; i++) {
      if (Math.hypot(Math.floor(i / side) - row, (i % side) - column) < radius) image[i] += value;
    }
  }
  return image;
}

/**
 * The image at the top left of the pattern's shape, and a support that is so much larger on each side.
 * @param {{ image: Float64Array, shape: readonly [number, number] }} image
 * @param {readonly [number, number]} shape
 * @param {number} larger
 */
export function padded({ image, shape: [rows, columns] }, shape, larger) {
  const truth = new Float64Array(shape[0] * shape[1]);
  const support = new Uint8Array(truth.length);
  for (let row = 0; row < rows; row++) truth.set(image.subarray(row * columns, (row + 1) * columns), row * shape[1]);
  for (let row = 0; row < Math.round(larger * rows); row++) {
    support.fill(1, row * shape[1], row * shape[1] + Math.round(larger * columns));
  }
  return /** @type {const} */ ([truth, support]);
}
