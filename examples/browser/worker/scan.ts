/** A scan that is being reconstructed, and the example of one. */
import {
  alignedScanError,
  createSession,
  fftshift,
  illumination,
  simulateScan,
  type DetectorImage,
  type RealResult,
  type Scan,
  type ScanSession,
  type Shape,
} from 'rephase';
import type { Frame, Kernel, Opened, Views } from '../protocol.js';
import type { Settings } from '../settings.js';
import { Comparing, amplitudes, following, phases, seen, type Backend, type Problem, type Run } from './run.js';

const KERNELS: readonly Kernel[] = ['forward', 'constrainFourier', 'inverse', 'constrainObject'];
/** Pixels that got less than this share of the most light are unknown. */
const LEAST_LIGHT = 0.02;

/** Rows and columns of the example's object. */
export const SCANNED_PIXELS = 160;
/** The example: pixels of the beam, and between positions; the beam's width; the object's greatest phase. */
const [BEAM, STEP, WIDTH, PHASE] = [48, 7, 11, 1.2];
const PHOTONS_PER_PATTERN = 1e6;

/** A photograph as a phase object, scanned by a beam with a curved wavefront. */
export async function exampleScan(picture: DetectorImage): Promise<Problem> {
  const object = new Float64Array(2 * SCANNED_PIXELS * SCANNED_PIXELS);
  const brightness = Float32Array.from(picture.data);
  const brightest = brightness.reduce((a, b) => Math.max(a, b), 0);
  brightness.forEach((value, i) => {
    const phase = (PHASE * value) / brightest;
    object.set([Math.cos(phase), Math.sin(phase)], 2 * i);
  });
  const perSide = Math.floor((SCANNED_PIXELS - BEAM - 2) / STEP) + 1;
  // None quite regular: a regular grid would leave a pattern of its own in the image.
  const positions = Float64Array.from({ length: 2 * perSide * perSide }, (_, i) => {
    const cell = i % 2 ? (i >> 1) % perSide : Math.floor(i / 2 / perSide);
    return 1 + STEP * cell + Math.round(Math.sin(7 * i));
  });
  const shape: Shape = [BEAM, BEAM];
  const scan = await simulateScan({
    object: { data: object, shape: [SCANNED_PIXELS, SCANNED_PIXELS] },
    probe: beam(WIDTH),
    shape,
    positions,
    photons: PHOTONS_PER_PATTERN,
  });
  // The reconstruction begins with vacuum and a beam that is too narrow.
  const vacuum = { data: object.map((_, i) => 1 - (i % 2)), shape: [SCANNED_PIXELS, SCANNED_PIXELS] as const };
  return scanProblem('A scan of a photograph', { ...scan, probe: beam(0.8 * WIDTH), object: vacuum }, object);
}

function beam(width: number): Float64Array {
  return Float64Array.from({ length: 2 * BEAM * BEAM }, (_, i) => {
    const [y, x] = [Math.floor(i / 2 / BEAM) - BEAM / 2, ((i >> 1) % BEAM) - BEAM / 2];
    const angle = 0.03 * (x * x + y * y);
    return Math.exp(-(x * x + y * y) / width ** 2) * (i % 2 ? Math.sin(angle) : Math.cos(angle));
  });
}

/** A scan, and its object where it is known, rows × columns interleaved re, im. */
export async function scanProblem(title: string, scan: Scan, truth?: Float64Array): Promise<Problem> {
  const light = await illumination(scan);
  const [rows, columns] = scan.shape;
  const pixels = rows * columns;
  const mean = new Float32Array(pixels);
  for (let i = 0; i < scan.patterns.length; i++) mean[i % pixels] += scan.patterns[i];
  for (let k = 0; k < pixels; k++) mean[k] = scan.mask && !scan.mask[k] ? NaN : Math.sqrt(mean[k]);
  const opened: Opened = {
    ...{ kind: 'opened', of: 'scan', title, shape: light.shape, patternShape: scan.shape },
    pattern: fftshift(mean, scan.shape),
    positions: Float32Array.from(light.positions, (place, i) => place + scan.shape[i % 2] / 2),
    ...(truth && { truth: { phase: phases(truth), amplitude: amplitudes(truth) } }),
    done: [`${scan.patterns.length / pixels} patterns of ${rows}×${columns} pixels`],
  };
  const most = light.data.reduce((a, b) => Math.max(a, b), 0);
  const weight = light.data.map((counts) => (counts > LEAST_LIGHT * most ? 1 : 0));
  return { opened, inspect: () => [], open: (settings) => ScanRun.open(scan, settings, weight, truth) };
}

class ScanRun implements Run {
  iterations: number;
  #session!: ScanSession;
  #before = 0;
  #reported = 0;
  #next = KERNELS[0];
  #isWithin = false;
  #shown: { object: RealResult; probe: RealResult } | undefined;
  readonly #comparing = new Comparing();

  private constructor(
    readonly scan: Scan,
    readonly settings: Settings,
    readonly weight: Float64Array,
    readonly truth: Float64Array | undefined,
  ) {
    this.iterations = settings.scanIterations;
  }

  /** `weight`: 1 where light fell, rows × columns of the object; `truth`: the object where it is known, interleaved. */
  static async open(scan: Scan, settings: Settings, weight: Float64Array, truth?: Float64Array): Promise<ScanRun> {
    const run = new ScanRun(scan, settings, weight, truth);
    await run.#open(scan, settings.backend);
    return run;
  }

  async #open(scan: Scan, backend: Settings['backend']): Promise<void> {
    const { scanAlgorithm: algorithm, seed } = this.settings;
    this.#session = await createSession(scan, { backend, algorithm, seed, history: true });
    this.#reported = 0;
    this.#atBeginning();
  }

  get done(): number {
    return this.#before + this.#session.iterations;
  }

  get backend() {
    return this.#session.backend;
  }

  get device() {
    return this.#session.device;
  }

  extend(): void {
    this.iterations = this.done + this.settings.scanIterations;
  }

  async run(most: number): Promise<number> {
    await this.#session.run(most);
    this.#atBeginning();
    return most;
  }

  step(): void {
    this.#session.step();
    this.#atBeginning();
  }

  kernel(): void {
    const before = this.done;
    this.#session[this.#next]();
    this.#next = following(KERNELS, this.#next);
    this.#isWithin = this.done === before;
  }

  async settle(backend: Backend): Promise<undefined> {
    if (backend !== this.backend) await this.moveTo(backend);
  }

  async moveTo(backend: Backend): Promise<void> {
    this.#before = this.done;
    this.#session.dispose();
    const { objectShape: shape } = this.#session;
    const start = this.#shown && { object: { data: this.#shown.object, shape }, probe: this.#shown.probe };
    await this.#open({ ...this.scan, ...start }, backend);
  }

  dispose(): void {
    this.#session.dispose();
  }

  async image(): Promise<{ image: RealResult; shape: Shape; isComplex: boolean }> {
    return { image: await this.#session.readObject(), shape: this.#session.objectShape, isComplex: true };
  }

  async frame(views: Views, rate: number, compare: boolean): Promise<Frame> {
    const history = await this.#session.history();
    const residuals = history.slice(this.#reported);
    this.#reported = history.length;
    const [object, probe] = [await this.#session.readObject(), await this.#session.readProbe()];
    this.#shown = { object, probe };
    const { truth, weight } = this;
    const { objectShape } = this.#session;
    const alignment =
      truth && (await this.#comparing.compare(compare, () => alignedScanError(object, truth, objectShape, { weight })));
    const view = views.object === 'amplitude' ? 'amplitude' : 'phase';
    const beam = probe.subarray(0, 2 * this.scan.shape[0] * this.scan.shape[1]);
    return {
      ...{ kind: 'frame', iteration: this.done, iterations: this.iterations, rate, residuals },
      ...{ next: this.#next, isWithin: this.#isWithin, algorithm: this.settings.scanAlgorithm },
      object: seen(object, view, weight),
      ...(views.spectrum === 'probe' && { spectrum: amplitudes(beam) }),
      ...(views.spectrum === 'probe-phase' && { spectrum: phases(beam) }),
      ...(alignment && {
        comparison: { error: alignment.error, rotated: false, view, aligned: seen(alignment.aligned, view, weight) },
      }),
    };
  }

  #atBeginning(): void {
    this.#next = KERNELS[0];
    this.#isWithin = false;
  }
}
