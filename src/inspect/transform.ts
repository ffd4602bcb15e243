/**
 * A small Fourier transform for looking at patterns: two-dimensional, square, of a power of two. Sessions have fast ones of
 * any shape, but need a backend; a look at a pattern must not.
 */

/** Square complex image, row-major. */
export interface ComplexImage {
  re: Float64Array;
  im: Float64Array;
  /** Rows and columns, a power of two. */
  size: number;
}

/** The forward transform, in place; the inverse differs by the sign of indices and the factor 1/size². */
export function transform({ re, im, size }: ComplexImage): void {
  const line = lineTransform(size);
  const [lineRe, lineIm] = [new Float64Array(size), new Float64Array(size)];
  for (let row = 0; row < size; row++) {
    const end = (row + 1) * size;
    line(re.subarray(row * size, end), im.subarray(row * size, end));
  }
  for (let column = 0; column < size; column++) {
    for (let row = 0, at = column; row < size; row++, at += size) {
      lineRe[row] = re[at];
      lineIm[row] = im[at];
    }
    line(lineRe, lineIm);
    for (let row = 0, at = column; row < size; row++, at += size) {
      re[at] = lineRe[row];
      im[at] = lineIm[row];
    }
  }
}

/** Cooley and Tukey, Mathematics of Computation 19, 297 (1965): radix 2, decimation in time. */
function lineTransform(size: number): (re: Float64Array, im: Float64Array) => void {
  const cosines = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sines = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
  const reversed = new Uint32Array(size);
  for (let i = 1; i < size; i++) reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
  return (re, im) => {
    for (let i = 0; i < size; i++) {
      const j = reversed[i];
      if (j <= i) continue;
      [re[i], re[j]] = [re[j], re[i]];
      [im[i], im[j]] = [im[j], im[i]];
    }
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const [c, s] = [cosines[k * stride], sines[k * stride]];
          const [low, high] = [start + k, start + k + half];
          const productRe = re[high] * c - im[high] * s;
          const productIm = re[high] * s + im[high] * c;
          re[high] = re[low] - productRe;
          im[high] = im[low] - productIm;
          re[low] += productRe;
          im[low] += productIm;
        }
      }
    }
  };
}
