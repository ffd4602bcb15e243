/** The patterns that a detector would record of a scan: for demonstrations, tests and trials of methods. */
import { requireBackend } from '../backends/registry.js';
import { InvalidArgumentError, gotTakes } from '../errors.js';
import { checkShape, checkRealArray, checkFinite } from '../problems/image.js';
import { checkInteger, rejectUnknownKeys } from '../problems/options.js';
import { checkObject, checkProbe, requireInside } from '../problems/scan.js';
import { uniformStream } from '../random.js';
import { scanRuleOf } from '../scan-rules.js';
import type { Scan } from '../scan-types.js';
import { powerOf } from '../session/probe.js';
import type { RealArray, Shape } from '../types.js';
import { poisson } from './poisson.js';

/** What `simulateScan` takes. */
export interface SimulateScanOptions {
  /** The object, rows × columns, interleaved re, im. */
  object: { data: RealArray; shape: Shape };
  /** The probe, modes × rows × columns, interleaved. */
  probe: RealArray;
  /** Of the probe and of each pattern. */
  shape: Shape;
  /** Row and column of the object's pixel that lies under the probe's [0, 0], positions × 2. All patches lie inside. */
  positions: RealArray;
  /**
   * Photons of the beam in each pattern, > 0 and ≤ 4e9: the probe is multiplied by a number that makes them its power, and
   * counts have Poisson noise. Without it the probe stays as it is, and there is no noise.
   */
  photons?: number | undefined;
  /** An integer from 0 to 2⁵³−1 from which the noise is drawn. Default 0. */
  seed?: number | undefined;
}

const KEYS = ['object', 'probe', 'shape', 'positions', 'photons', 'seed'] as const;

/** Counts stay below 2³². */
const MOST_PHOTONS = 4e9;
const BATCH = 16;
const RULE = scanRuleOf('rpie', 1, 1);

/**
 * The scan of a known object with a known probe, both of which it contains: patterns are |F(probe · patch)|², summed over
 * modes, as counts where there are `photons`.
 *
 * @throws InvalidArgumentError
 */
export async function simulateScan(
  options: SimulateScanOptions,
): Promise<Scan & Required<Pick<Scan, 'probe' | 'object'>>> {
  rejectUnknownKeys('options', options, KEYS);
  const { photons, seed = 0 } = options;
  const shape = checkShape('shape', options.shape);
  const object = checkObject(options.object, 'double');
  const probe = checkProbe(options.probe, shape, { modes: undefined, precision: 'double' });
  const positions = checkPlaces(options.positions, shape, object.shape);
  if (photons !== undefined && !(typeof photons === 'number' && photons > 0 && photons <= MOST_PHOTONS)) {
    throw new InvalidArgumentError('photons', gotTakes('photons', photons, 'a number above 0 and up to 4e9'));
  }
  checkInteger('seed', seed, 0);
  if (photons !== undefined) {
    const factor = Math.sqrt(photons / powerOf(probe));
    for (let i = 0; i < probe.length; i++) probe[i] *= factor;
  }
  const intensities = await patternsOf(object, probe, shape, positions);
  const patterns = photons === undefined ? intensities : counted(intensities, shape, seed);
  return { patterns, shape, positions, probe, object };
}

function checkPlaces(positions: RealArray, shape: Shape, objectShape: Shape): Float64Array {
  const count = Math.max(1, Math.floor((positions as Partial<RealArray> | undefined)?.length ?? 0) / 2);
  const copy = Float64Array.from(checkRealArray('positions', positions, [Math.ceil(count), 2]));
  checkFinite('positions', copy, 2, 'double');
  return requireInside(copy, shape, objectShape);
}

/** Through a session's kernels, which know shifts by parts of a pixel. A batch at a time, so that waves need no room. */
async function patternsOf(
  object: { data: RealArray; shape: Shape },
  probe: RealArray,
  shape: Shape,
  positions: Float64Array,
): Promise<Float64Array> {
  const pixels = shape[0] * shape[1];
  const modes = probe.length / (2 * pixels);
  const patterns = new Float64Array((positions.length / 2) * pixels);
  const order = Uint32Array.from({ length: BATCH }, (_, i) => i);
  const placed = new Float64Array(2 * BATCH);
  const backend = await requireBackend('wasm');
  const session = await backend.createScanSession(
    {
      // Measured counts have no part in the model's.
      ...{ patterns: new Float64Array(BATCH * pixels), shape, positions: placed, objectShape: object.shape },
      ...{ modes, batch: BATCH, precision: 'double', rule: RULE },
    },
    0,
  );
  try {
    session.writeObject(object.data);
    session.writeProbe(probe);
    for (let first = 0; 2 * first < positions.length; first += BATCH) {
      const part = positions.subarray(2 * first, 2 * (first + BATCH));
      placed.set(part);
      session.writePositions(placed);
      session.forward(order, 0, BATCH, RULE);
      const waves = await session.readWaves();
      for (let i = 0; i < part.length * modes * pixels; i++) {
        const [position, pixel] = [Math.floor(i / (2 * modes * pixels)), (i >> 1) % pixels];
        patterns[(first + position) * pixels + pixel] += waves[i] ** 2;
      }
    }
    return patterns;
  } finally {
    session.dispose();
  }
}

/** Each pattern has its own stream of random numbers. */
function counted(intensities: Float64Array, [rows, columns]: Shape, seed: number): Uint32Array {
  const counts = new Uint32Array(intensities.length);
  const pixels = rows * columns;
  for (let j = 0; j * pixels < counts.length; j++) {
    const uniform = uniformStream(seed, j);
    for (let i = j * pixels; i < (j + 1) * pixels; i++) counts[i] = poisson(intensities[i], uniform);
  }
  return counts;
}
