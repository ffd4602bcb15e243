/** Two-dimensional transforms of complex images in double precision, through the kernels of a scan's session. */
import type { Backend, BackendScanSession } from '../backends/interface.js';
import { scanRuleOf } from '../scan-rules.js';
import type { RealArray, Shape } from '../types.js';

const ORDER = Uint32Array.of(0);
const RULE = scanRuleOf('rpie', 1, 1);

export class ComplexTransform {
  readonly #session: BackendScanSession;

  /** `backend`: wasm's, whose precision can be double. */
  static async create(backend: Backend, shape: Shape): Promise<ComplexTransform> {
    const pixels = shape[0] * shape[1];
    const session = await backend.createScanSession!(
      {
        ...{ patterns: new Float64Array(pixels), positions: new Float64Array(2), shape, objectShape: shape },
        ...{ modes: 1, batch: 1, precision: 'double', rule: RULE },
      },
      0,
    );
    // The wave of an object that is 1 everywhere is the probe.
    session.writeObject(Float64Array.from({ length: 2 * pixels }, (_, i) => 1 - (i % 2)));
    return new ComplexTransform(session);
  }

  private constructor(session: BackendScanSession) {
    this.#session = session;
  }

  /** The unitary transform of rows × columns complex numbers, interleaved, zero frequency first. */
  forward(image: RealArray): Promise<RealArray> {
    this.#session.writeProbe(image);
    this.#session.forward(ORDER, 0, 1, RULE);
    return this.#session.readWaves();
  }

  /** Its inverse. */
  inverse(spectrum: RealArray): Promise<RealArray> {
    this.#session.forward(ORDER, 0, 1, RULE);
    this.#session.writeWaves(spectrum);
    this.#session.inverse();
    return this.#session.readWaves();
  }

  dispose(): void {
    this.#session.dispose();
  }
}
