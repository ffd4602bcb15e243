/**
 * Tools that compute with a session of their own dispose of it. Not in lifetime.test.ts, which browsers run with the library
 * as it is published: this looks behind it.
 */
import { describe, expect, it, vi } from 'vitest';
import {
  alignedComplexError,
  alignedError,
  alignedScanError,
  guessProbe,
  hologram,
  simulate,
  simulateScan,
  type Shape,
} from '../src/index.js';
import { requireBackend } from '../src/backends/registry.js';
import { asymmetricMagnitudes } from './support/images.js';

const shape: Shape = [48, 64];
const pixels = 48 * 64;
const magnitudes = asymmetricMagnitudes(shape);

describe('what computes with a session of its own', () => {
  const image = Float64Array.from({ length: 2 * pixels }, (_, i) => 1 + Math.sin(i * i));
  const complex = { estimate: image, truth: image.map((part) => part + 0.1) };
  const [estimate, truth] = [image.subarray(0, pixels), complex.truth.subarray(0, pixels)];
  const scan = { patterns: magnitudes, shape, positions: new Float64Array(2) };
  const object = { data: image, shape };
  const calls: [string, () => Promise<unknown>][] = [
    ['alignedError', () => alignedError(estimate, truth, shape)],
    ['alignedComplexError', () => alignedComplexError(complex.estimate, complex.truth, shape)],
    ['alignedScanError', () => alignedScanError(complex.estimate, complex.truth, shape)],
    ['guessProbe', () => guessProbe(scan)],
    ['hologram', () => hologram(magnitudes, shape, { backend: 'wasm' })],
    ['simulate', () => simulate({ image: estimate, shape })],
    ['simulateScan', () => simulateScan({ object, probe: image, shape, positions: new Float64Array(2) })],
  ];

  it.each(calls)('gives it back: %s', async (_, call) => {
    const backend = await requireBackend('wasm');
    const seen = { made: 0, disposed: 0 };
    const watched = <Owned extends { dispose: () => void }>(session: Owned) => {
      seen.made += 1;
      const dispose = session.dispose.bind(session);
      session.dispose = () => {
        seen.disposed += 1;
        dispose();
      };
      return session;
    };
    const own = { ...backend };
    const spies = [
      vi
        .spyOn(backend, 'createSession')
        .mockImplementation(async (...args) => watched(await own.createSession(...args))),
      vi
        .spyOn(backend, 'createScanSession')
        .mockImplementation(async (...args) => watched(await own.createScanSession(...args))),
    ];
    await call();
    spies.forEach((spy) => spy.mockRestore());
    expect(seen).toEqual({ made: 1, disposed: 1 });
  });
});
