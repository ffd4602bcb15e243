/** What the page and its worker say to each other. Arrays change hands, so that none is copied. */
import type { BackendName, Shape, Warning } from 'rephase';
import type { Settings } from './settings.js';

/** Where a pattern comes from: an example, or a file that is a pattern or a photograph (auto: whatever it looks like). */
export type Source = { example: Settings['example'] } | { file: File; as: 'auto' | 'pattern' | 'photograph' };

export type Kernel = 'inverse' | 'constrainObject' | 'forward' | 'constrainFourier';

/** What can be shown of a problem, by its kind, and how menus call it; the first is shown first. */
export const VIEWS = {
  image: {
    object: { image: 'with its constraints', iterate: 'iterate as it is' },
    spectrum: { measured: 'measured', magnitude: 'of the image now', phase: 'phases now' },
  },
  complex: {
    object: { phase: 'phase', amplitude: 'amplitude' },
    spectrum: { measured: 'measured', magnitude: 'of the image now', phase: 'phases now' },
  },
  scan: {
    object: { phase: 'phase', amplitude: 'amplitude' },
    spectrum: { probe: 'probe, amplitude', 'probe-phase': 'probe, phase', measured: 'mean pattern' },
  },
} as const;

export type ProblemKind = keyof typeof VIEWS;
type KeyOfEach<T> = T extends unknown ? keyof T : never;

/** What of a run is shown. A view that the kind of problem does not have stands for its first. */
export interface Views {
  object: KeyOfEach<(typeof VIEWS)[ProblemKind]['object']>;
  spectrum: KeyOfEach<(typeof VIEWS)[ProblemKind]['spectrum']>;
}

export type Command =
  /** `begins`: the run goes on by itself. */
  | { kind: 'open'; source: Source; settings: Settings; views: Views; begins: boolean }
  | { kind: 'resume' | 'pause' | 'step' | 'kernel' }
  /** The frame that came last is on the screen. */
  | { kind: 'shown' }
  | { kind: 'views'; views: Views }
  | { kind: 'pace'; pace: Settings['pace'] }
  /** 1 where the object may be non-zero. */
  | { kind: 'support'; support: Uint8Array<ArrayBuffer> }
  | { kind: 'save' };

/** A rectangle of an image. */
export interface Box {
  top: number;
  left: number;
  rows: number;
  columns: number;
}

/** A problem that is open; iterations begin. */
export interface Opened {
  kind: 'opened';
  of: ProblemKind;
  title: string;
  /** Of the object. */
  shape: Shape;
  /** Measured magnitudes, of a scan their mean, zero frequency in the middle; NaN where not measured. */
  pattern: Float32Array<ArrayBuffer>;
  patternShape: Shape;
  /** Of an image. */
  support?: Uint8Array<ArrayBuffer>;
  /** Of a scan: row and column of the beam's middle at each position. */
  positions?: Float32Array<ArrayBuffer>;
  /** The original where it is known, rows × columns, as each view of the object shows it. */
  truth?: Partial<Record<Views['object'], Float32Array<ArrayBuffer>>>;
  /** What was done to the file's numbers, one line each. */
  done: string[];
}

/** What `inspect` says of the problem that is open. */
export interface Findings {
  kind: 'findings';
  warnings: Warning[];
}

/** The recipe that was chosen, with its chain as the command line takes it. */
export interface Chosen {
  kind: 'chosen';
  recipe: string;
}

/** Where iterations are computed, and why there. */
export interface Place {
  kind: 'place';
  backend: BackendName;
  device: string;
  why: string;
}

/** The original and the image turned and moved onto it. */
export interface Comparison {
  /** ‖aligned − original‖ / ‖original‖ */
  error: number;
  /** The image is turned by 180°; a complex one is the twin. */
  rotated: boolean;
  /** As this view shows it. */
  view: Views['object'];
  aligned: Float32Array<ArrayBuffer>;
}

export interface Frame {
  kind: 'frame';
  iteration: number;
  /** Undefined until they are chosen. */
  iterations: number | undefined;
  /** What the next iteration does. */
  algorithm: string;
  /** Of starts that help each other: the generation, from 1, and how many there are. */
  generation?: [number: number, of: number];
  /** Iterations a second, reading left out. */
  rate: number;
  /** Residuals of the iterations since the last frame. */
  residuals: Float64Array<ArrayBuffer>;
  /** NaN where no light fell. */
  object: Float32Array<ArrayBuffer>;
  /** The spectrum, zero frequency in the middle, or the probe; only where a view shows it. */
  spectrum?: Float32Array<ArrayBuffer>;
  comparison?: Comparison;
  /** The kernel that comes next within an iteration. */
  next: Kernel;
  /** An iteration has begun. */
  isWithin: boolean;
}

export type State = 'opening' | 'running' | 'paused' | 'finished';

export type Reply =
  | Opened
  | Findings
  | Chosen
  | Place
  | Frame
  | { kind: 'state'; state: State }
  /** Worth knowing; the run goes on. */
  | { kind: 'notice'; text: string }
  /** What was asked for last did not happen. */
  | { kind: 'failed'; text: string }
  | { kind: 'file'; name: string; bytes: Uint8Array<ArrayBuffer> };
