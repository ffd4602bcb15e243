/**
 * How a problem comes onto the device when a session is created: what all parts share, the measured magnitudes, which are
 * symmetrised and encoded there, and seeded starts, which are drawn there.
 */
import type { BackendProblem } from '../../src/backends/interface.js';
import { UNIFORM } from './buffers.js';
import type { Kernel } from './kernel.js';
import { imageBytes, magnitudesBytes, packSupport } from './layout.js';
import { bytesOfStart } from './memory.js';
import { supportCount, type Plans } from './operations.js';
import type { Part, Shared } from './part.js';
import { magnitudesKernel, startKernel } from './prepare.js';
import type { Upload } from './upload.js';

/** Magnitudes are rounded and uploaded in pieces of so many numbers. */
const UPLOAD_NUMBERS = 2 ** 22;

type Given = Pick<Shared, 'device' | 'layout' | 'shapeKey' | 'onError' | 'buffers' | 'commands'>;

/** Allocates what parts share, with small things in it; the magnitudes are undefined until `uploadProblem`. */
export function makeShared(given: Given, plans: Plans, { support, beta }: BackendProblem, upload: Upload): Shared {
  const { device, layout, buffers, onError } = given;
  const { rows, columns } = layout;
  const parameters = (normal: number, first: number) => {
    const words = new Uint32Array(4);
    words.set(new Uint32Array(Float32Array.of(beta, normal).buffer));
    words[2] = first;
    return uniform(given, upload, words);
  };
  const normal = 0.5 / rows / columns;
  device.prepareNumbers(onError);
  const shared: Shared = {
    ...given,
    magnitudes: buffers.allocate('magnitudes', magnitudesBytes(layout)),
    support: undefined,
    columnTable: device.table(plans.columns, -1, onError),
    rowTable: device.table(plans.rows, 1, onError),
    bytesOfStart: bytesOfStart(layout, plans),
    parameters: {
      later: parameters(normal, 0),
      first: parameters(normal, 1),
      settling: parameters(0.5 / columns, 0),
    },
  };
  if (!support) return shared;
  const words = packSupport(support, layout, supportCount(plans));
  const buffer = buffers.allocate('support', words.byteLength);
  upload.write(buffer, 0, words);
  return { ...shared, support: buffer };
}

/** Encodes all that makes magnitudes and seeded starts. Resolves when `finish` says that it has been done. */
export async function uploadProblem(
  shared: Shared,
  parts: readonly Part[],
  problem: BackendProblem,
  upload: Upload,
  finish: () => Promise<void>,
): Promise<void> {
  const { buffers, layout, magnitudes } = shared;
  const raw = buffers.allocate('measured magnitudes', imageBytes(layout));
  uploadMagnitudes(problem, raw, upload);
  dispatchOnce(shared, 'magnitudes', () => magnitudesKernel(layout), [raw, magnitudes], 1);
  if (problem.seeded) {
    let { firstStart } = problem.seeded;
    const { seed } = problem.seeded;
    for (const part of parts) {
      const parameters = uniform(
        shared,
        upload,
        Uint32Array.of(seed % 2 ** 32, Math.floor(seed / 2 ** 32), firstStart, 0),
      );
      const bound = [parameters, raw, part.buffer('spectrum')];
      dispatchOnce(shared, 'start', () => startKernel(layout), bound, part.starts);
      firstStart += part.starts;
    }
  }
  await finish();
  buffers.free(raw);
}

/** Scaled, and −1 where not measured. */
function uploadMagnitudes({ magnitudes, mask, scale }: BackendProblem, raw: GPUBuffer, upload: Upload): void {
  for (let at = 0; at < magnitudes.length; at += UPLOAD_NUMBERS) {
    const piece = new Float32Array(Math.min(UPLOAD_NUMBERS, magnitudes.length - at));
    for (let i = 0; i < piece.length; i++) piece[i] = mask?.[at + i] === 0 ? -1 : magnitudes[at + i] * scale;
    upload.write(raw, 4 * at, piece);
  }
}

function uniform({ buffers }: Given, upload: Upload, words: Uint32Array<ArrayBuffer>): GPUBuffer {
  const buffer = buffers.allocate('parameters', words.byteLength, UNIFORM);
  upload.write(buffer, 0, words);
  return buffer;
}

function dispatchOnce(shared: Shared, key: string, write: () => Kernel, bound: GPUBuffer[], starts: number): void {
  const { device, layout, shapeKey, onError, commands } = shared;
  const kernel = device.compileNow(`${shapeKey} ${key}`, write, onError);
  const entries = bound.map((buffer, binding) => ({ binding, resource: { buffer } }));
  const group = device.watch(() => device.gpu.createBindGroup({ layout: kernel.layout, entries }), onError);
  commands.dispatch(kernel, group, starts, starts * layout.rows * layout.columns);
}
