/** What a visitor can choose, and the same as the part of a link after its `#`: only what differs from the defaults. */
import type { Algorithm, Effort, ObjectKind, ScanAlgorithm } from 'rephase';

/** Some iterations by one algorithm. */
export interface Link {
  algorithm: Algorithm;
  /** Feedback strength; ignored by algorithms that have none. */
  beta: number;
  iterations: number;
}

/** A closed line around pixels that are added to the support or cut out of it: row and column of each corner. */
export interface Outline {
  cuts: boolean;
  points: (readonly [row: number, column: number])[];
}

export interface Settings {
  example: 'photograph' | 'complex' | 'scan';
  /** Of a file: what the object's pixels are. */
  object: ObjectKind;
  /** Longest side of a photograph in pixels, to which it is reduced. */
  size: number;
  /** The pattern has so many times the photograph's rows and columns. */
  pad: number;
  /** Photons on the detector; Infinity for a pattern without noise. */
  photons: number;
  /** Radius in pixels of what a beamstop hides. */
  beamstop: number;
  support: 'automatic' | 'rectangle' | 'drawn' | 'none';
  /** Of a rectangle. */
  rows: number;
  columns: number;
  outlines: Outline[];
  /** The chain is chosen to take about so long, or the one below. */
  recipe: Effort | 'own';
  chain: Link[];
  repeat: number;
  starts: number;
  seed: number;
  /** Of scans. */
  scanAlgorithm: ScanAlgorithm;
  scanIterations: number;
  backend: 'auto' | 'webgpu' | 'wasm';
  /** Slow enough to see the image form, or as fast as it goes. */
  pace: 'watch' | 'fast';
}

export const DEFAULTS: Settings = {
  example: 'photograph',
  object: 'real',
  size: 256,
  pad: 2,
  photons: 1e10,
  beamstop: 0,
  support: 'automatic',
  rows: 128,
  columns: 128,
  outlines: [],
  recipe: 'normal',
  chain: [
    { algorithm: 'hio', beta: 0.7, iterations: 180 },
    { algorithm: 'er', beta: 1, iterations: 20 },
  ],
  repeat: 10,
  starts: 1,
  seed: 1,
  scanAlgorithm: 'lsqml',
  scanIterations: 100,
  backend: 'auto',
  pace: 'watch',
};

/** Every algorithm, as menus show it, and whether β is used. */
export const ALGORITHMS: Record<Algorithm, { title: string; beta: boolean }> = {
  hio: { title: 'hio · hybrid input-output', beta: true },
  er: { title: 'er · error reduction', beta: false },
  raar: { title: 'raar · relaxed averaged reflections', beta: true },
  rrr: { title: 'rrr · relaxed reflect-reflect', beta: true },
  dm: { title: 'dm · difference map', beta: false },
  hpr: { title: 'hpr · hybrid projection-reflection', beta: true },
  chio: { title: 'chio · continuous hio', beta: true },
  cf: { title: 'cf · charge flipping', beta: false },
  ml: { title: 'ml · maximum likelihood', beta: false },
  'input-output': { title: 'input-output', beta: true },
  'output-output': { title: 'output-output', beta: true },
  gs: { title: 'gs · Gerchberg and Saxton', beta: false },
};

type Reader<T> = (text: string) => T | undefined;

const number =
  (least: number, most: number): Reader<number> =>
  (text) => {
    const value = Number(text);
    return text !== '' && value >= least && value <= most ? value : undefined;
  };
const whole =
  (least: number, most: number): Reader<number> =>
  (text) => {
    const value = number(least, most)(text);
    return value !== undefined && Number.isInteger(value) ? value : undefined;
  };
const oneOf =
  <T extends string>(...names: T[]): Reader<T> =>
  (text) =>
    names.find((name) => name === text);

/** Reads each setting from text; undefined where it is none. */
const READERS: { [Key in keyof Settings]: Reader<Settings[Key]> } = {
  example: oneOf('photograph', 'complex', 'scan'),
  object: oneOf('real', 'complex'),
  size: whole(16, 1024),
  pad: number(1, 8),
  photons: number(1, Infinity),
  beamstop: number(0, 512),
  support: oneOf('automatic', 'rectangle', 'drawn', 'none'),
  rows: whole(1, 16384),
  columns: whole(1, 16384),
  outlines: readOutlines,
  recipe: oneOf('quick', 'normal', 'thorough', 'own'),
  chain: readChain,
  repeat: whole(1, 1e6),
  starts: whole(1, 64),
  seed: whole(0, Number.MAX_SAFE_INTEGER),
  scanAlgorithm: oneOf('lsqml', 'rpie', 'epie', 'dm', 'raar', 'ap'),
  scanIterations: whole(1, 1e6),
  backend: oneOf('auto', 'webgpu', 'wasm'),
  pace: oneOf('watch', 'fast'),
};

export const KEYS = Object.keys(READERS) as (keyof Settings)[];

/** One setting from text; undefined where it is none. */
export function readSetting<Key extends keyof Settings>(key: Key, text: string): Settings[Key] | undefined {
  return READERS[key](text);
}

export function settingText(settings: Settings, key: keyof Settings): string {
  switch (key) {
    case 'chain':
      return chainText(settings.chain);
    case 'outlines':
      return settings.outlines.map(outlineText).join('_');
    default:
      return String(settings[key]);
  }
}

/** `hio:0.7*180+er*20`, as the command line takes it. */
export function chainText(chain: readonly Link[]): string {
  return chain
    .map(
      ({ algorithm, beta, iterations }) => `${algorithm}${ALGORITHMS[algorithm].beta ? `:${beta}` : ''}*${iterations}`,
    )
    .join('+');
}

/** Settings from the part of a link after `#`; what cannot be read is left at its default. */
export function fromLink(hash: string): Settings {
  const settings = { ...DEFAULTS };
  for (const [name, text] of new URLSearchParams(hash.replace(/^#/, ''))) {
    const key = KEYS.find((known) => known === name);
    const value = key && readSetting(key, text);
    if (value !== undefined) Object.assign(settings, { [name]: value });
  }
  return settings;
}

export function toLink(settings: Settings): string {
  const parts = new URLSearchParams();
  for (const key of KEYS) {
    const text = settingText(settings, key);
    if (text !== settingText(DEFAULTS, key)) parts.set(key, text);
  }
  return parts.size === 0 ? '' : `#${parts}`;
}

export function readChain(text: string): Link[] | undefined {
  // A plus sign in a link may have become a space.
  const links = text.split(/[+ ]/).map((part) => {
    const [, name, beta = '1', iterations] = /^([a-z-]+)(?::([\d.]+))?\*(\d+)$/.exec(part) ?? [];
    const algorithm = (Object.keys(ALGORITHMS) as Algorithm[]).find((known) => known === name);
    const link = { beta: number(1e-6, 1e6)(beta), iterations: whole(1, 1e9)(iterations ?? '') };
    return algorithm && link.beta !== undefined && link.iterations !== undefined ? { algorithm, ...link } : undefined;
  });
  return links.every((link) => link !== undefined) ? (links as Link[]) : undefined;
}

function outlineText({ cuts, points }: Outline): string {
  return (cuts ? '-' : '') + points.map(([row, column]) => `${row}.${column}`).join('~');
}

function readOutlines(text: string): Outline[] | undefined {
  const outlines = text.split('_').map((part) => ({
    cuts: part.startsWith('-'),
    points: part
      .replace(/^-/, '')
      .split('~')
      .map((point) => point.split('.').map(Number) as [number, number]),
  }));
  const isPoint = (point: readonly number[]) => point.length === 2 && point.every((n) => Number.isInteger(n) && n >= 0);
  return outlines.every(({ points }) => points.every(isPoint)) ? outlines : undefined;
}
