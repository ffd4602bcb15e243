/**
 * JavaScript peers of one Gerchberg-Saxton iteration, on fft.js (powers of two only) and ndarray-fft, as a JavaScript
 * user would write it. A server for bench/peers.mjs; see serve.py for what it reads and answers.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(import.meta.url);
const FFT = require('fft.js');
const ndarray = require('ndarray');
const ndfft = require('ndarray-fft');

/** @param {number} n */
function fftJsPort(n) {
  const M = Float64Array.from({ length: n * n }, Math.random);
  const A = new Float64Array(2 * n * n);
  for (let i = 0; i < n * n; i++) {
    const phase = 2 * Math.PI * Math.random();
    A[2 * i] = M[i] * Math.cos(phase);
    A[2 * i + 1] = M[i] * Math.sin(phase);
  }
  const fft = new FFT(n);
  const line = fft.createComplexArray();
  const out = fft.createComplexArray();
  /** All lines along one axis: numbers of a line are `step` apart, and lines `distance`. */
  const lines = (/** @type {boolean} */ inverse, /** @type {number} */ step, /** @type {number} */ distance) => {
    for (let from = 0; from < distance * n; from += distance) {
      for (let k = 0, i = 2 * from; k < 2 * n; k += 2, i += 2 * step) {
        line[k] = A[i];
        line[k + 1] = A[i + 1];
      }
      if (inverse) fft.inverseTransform(out, line);
      else fft.transform(out, line);
      for (let k = 0, i = 2 * from; k < 2 * n; k += 2, i += 2 * step) {
        A[i] = out[k];
        A[i + 1] = out[k + 1];
      }
    }
  };
  return () => {
    lines(true, 1, n);
    lines(true, n, 1);
    for (let i = 0; i < n * n; i++) {
      if (A[2 * i] < 0) A[2 * i] = 0;
      A[2 * i + 1] = 0;
    }
    lines(false, 1, n);
    lines(false, n, 1);
    for (let i = 0; i < n * n; i++) {
      const h = Math.hypot(A[2 * i], A[2 * i + 1]);
      const s = h > 0 ? M[i] / h : 0;
      A[2 * i] *= s;
      A[2 * i + 1] *= s;
    }
  };
}

/** @param {number} n */
function ndarrayFftPort(n) {
  const M = Float64Array.from({ length: n * n }, Math.random);
  const re = ndarray(new Float64Array(n * n).map(Math.random), [n, n]);
  const im = ndarray(new Float64Array(n * n), [n, n]);
  return () => {
    ndfft(-1, re, im);
    const [R, I] = [re.data, im.data];
    for (let i = 0; i < n * n; i++) {
      if (R[i] < 0) R[i] = 0;
      I[i] = 0;
    }
    ndfft(1, re, im);
    for (let i = 0; i < n * n; i++) {
      const h = Math.hypot(R[i], I[i]);
      const s = h > 0 ? M[i] / h : 0;
      R[i] *= s;
      I[i] *= s;
    }
  };
}

/** @type {Record<string, (n: number) => () => void>} */
const PEERS = { 'fft.js-port': fftJsPort, 'ndarray-fft-port': ndarrayFftPort };

/** @param {string} name */
const versionOf = (name) => JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')).version;
const versions = { 'fft.js': versionOf('fft.js'), 'ndarray-fft': versionOf('ndarray-fft') };
console.log(JSON.stringify({ peers: Object.keys(PEERS), versions }));

let size = 0;
/** @type {Map<string, () => void>} */
let steps = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { peer, n, iterations } = JSON.parse(line);
  if (n !== size) [size, steps] = [n, new Map()];
  const step = steps.get(peer) ?? PEERS[peer](n);
  steps.set(peer, step);
  const began = performance.now();
  for (let k = 0; k < iterations; k++) step();
  console.log(JSON.stringify({ ms: performance.now() - began }));
}
