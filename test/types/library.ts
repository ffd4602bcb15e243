/**
 * What users compile under the strictest settings, against the declarations in dist/. test/package.test.ts compiles it as
 * both kinds of module; nothing of it runs.
 */
import { createSession, fftshift, magnitudesFromIntensities, retrieve, simulate } from 'rephase';
import type { AbortError, Problem, Reconstruction, RetrieveOptions, Session, SimulateOptions } from 'rephase';
import { decodeImage, encodeImage, type Image } from 'rephase/formats';
import { readImage, writeImage } from 'rephase/files';

// `undefined` stands for the default of every optional field.
const magnitudes: Float32Array = new Float32Array(16);
const problem: Problem = { magnitudes, shape: [4, 4], support: undefined, mask: undefined };
const options: RetrieveOptions = {
  algorithm: undefined,
  beta: undefined,
  seed: undefined,
  start: undefined,
  starts: undefined,
  backend: undefined,
  device: undefined,
  precision: undefined,
  history: undefined,
  iterations: undefined,
  signal: undefined,
  onProgress: undefined,
};
const simulation: SimulateOptions = {
  image: magnitudes,
  shape: [4, 4],
  pad: undefined,
  photons: undefined,
  beamstop: undefined,
  seed: undefined,
};

// What is returned has memory of its own, so that `Blob` and everything that takes a `BufferSource` take it.
export async function returned(session: Session): Promise<(Blob | BufferSource)[]> {
  const result: Reconstruction = await retrieve(problem, options);
  session.use({ algorithm: undefined, beta: undefined });
  await session.run(1, { signal: undefined, onProgress: undefined });
  const { magnitudes: pattern, support, mask } = await simulate(simulation);
  const sources: BufferSource[] = [
    ...[result.object, result.feasible, result.residuals, result.feasibleResiduals],
    ...[await session.readObject(), await session.readFeasible(), await session.readSpectrum()],
    ...[await session.residuals(), pattern, support, mask ?? support],
    ...[fftshift(magnitudes, [4, 4]), magnitudesFromIntensities(magnitudes, [4, 4])],
    await encodeImage({ data: result.object, shape: result.shape }, 'npy', { bits: undefined, range: undefined }),
  ];
  return [...sources, new Blob(sources)];
}

// An array comes back as the kind that it was.
export const single: Float32Array<ArrayBuffer> = fftshift(magnitudes, [4, 4]);
export const flags: boolean[] = fftshift([true, false], [1, 2]);
export const bytes: Uint8Array<ArrayBuffer> = fftshift(new Uint8Array(2), [1, 2]);

export async function files(): Promise<Image> {
  await writeImage('x.npy', await readImage('x.png', { dataset: undefined }), {});
  return decodeImage(new Uint8Array(8), { dataset: undefined });
}

export async function disposed(): Promise<void> {
  await using session = await createSession(problem);
  session.setSupport(undefined);
}

// @ts-expect-error A session is made by createSession.
import type { BackendSession } from 'rephase';
// @ts-expect-error What only rephase's own command line needs.
import type { readBytes } from 'rephase/files';
export type Internal = [BackendSession, typeof readBytes];

export const partial = (error: AbortError): Reconstruction | undefined => error.partial;
