/**
 * A part of the starts of a run, as a file that `rephase combine` merges with the others: an npz archive of arrays, which
 * `numpy.load` reads too, with the settings as JSON (`part.json`) and a checksum of all that (`sha256`) beside them.
 */
import { createHash } from 'node:crypto';
import { FileFormatError } from '../errors.js';
import { readBytes, writeBytes } from '../formats/files.js';
import { decodeComplexNpy, decodeNpy, encodeComplexNpy, encodeNpy } from '../formats/npy.js';
import { decodeMembers, encodeMembers } from '../formats/packed.js';
import type { Problem, RealArray, RealResult, Reconstruction } from '../types.js';
import { settingText } from '../retrieve/settings.js';
import type { Outcome, ReconstructOptions } from './reconstruct/outcome.js';

const FORMAT = 'rephase part 2';

/** What all parts of a run have in common, as text; of arrays, the SHA-256. */
type Settings = Record<string, string>;

export interface Part {
  /** Where the file lies. */
  path: string;
  settings: Settings;
  problem: Problem;
  /** Number of the first start. */
  firstStart: number;
  /** The feasible object of every start. */
  objects: RealResult[];
  /** How the part was made. */
  pattern: string;
  options: ReconstructOptions;
  outcome: Omit<Outcome, 'problem'>;
}

export async function writePart(pattern: string, options: ReconstructOptions, outcome: Outcome): Promise<void> {
  const { magnitudes, mask, support, objectMagnitudes, shape, ...constraints } = outcome.problem;
  const {
    objects = [],
    residuals,
    feasibleResiduals,
    object: _,
    feasible: __,
    history: ___,
    ...result
  } = outcome.result;
  const { starts: _starts, firstStart, ...common } = outcome.settings;
  const encodeObjects = constraints.object === 'complex' ? encodeComplexNpy : encodeNpy;
  const arrays = {
    'objects.npy': encodeObjects(stacked(objects), [objects.length, ...shape]),
    'residuals.npy': encodeNpy(residuals, [residuals.length]),
    'feasibleResiduals.npy': encodeNpy(feasibleResiduals, [feasibleResiduals.length]),
    'magnitudes.npy': encodeNpy(magnitudes, shape),
    ...(mask && { 'mask.npy': encodeNpy(Uint8Array.from(mask, Number), shape) }),
    ...(support && { 'support.npy': encodeNpy(Uint8Array.from(support, Number), shape) }),
    ...(objectMagnitudes && { 'objectMagnitudes.npy': encodeNpy(objectMagnitudes, shape) }),
  };
  const settings: Settings = {
    pattern: hashOf([arrays['magnitudes.npy'], arrays['mask.npy']]),
    support: hashOf([arrays['support.npy']]),
    objectMagnitudes: hashOf([arrays['objectMagnitudes.npy']]),
    propagation: JSON.stringify(constraints.propagation) ?? 'none',
    ...Object.fromEntries(Object.entries(common).map(([name, value]) => [name, settingText(value)])),
  };
  const { settings: all, files, interrupted, warnings, done } = outcome;
  const record = { format: FORMAT, settings, shape, constraints, firstStart, pattern, options };
  const json = JSON.stringify(
    { ...record, outcome: { settings: all, files, interrupted, warnings, done, result } },
    encodeNumber,
    1,
  );
  const content = { 'part.json': new TextEncoder().encode(json), ...arrays };
  const sha256 = new TextEncoder().encode(hashOf(Object.values(content)));
  await writeBytes(options.output, encodeMembers({ ...content, sha256 }));
}

/** @throws FileAccessError, FileFormatError when it is damaged or no such file */
export async function readPart(path: string): Promise<Part> {
  const bytes = await readBytes(path);
  const fail = (what: string, cause?: unknown): never => {
    throw new FileFormatError(`${path}: ${what}`, { path }, { cause });
  };
  let members = new Map<string, Uint8Array>();
  try {
    members = decodeMembers(bytes);
  } catch (error) {
    fail('is no part of a run, or damaged; takes what `reconstruct -o PART.npz` writes', error);
  }
  const text = (name: string) => new TextDecoder().decode(members.get(name));
  if (!members.has('part.json')) fail('is no part of a run; takes what `reconstruct -o PART.npz` writes');
  const content = [...members].filter(([name]) => name !== 'sha256').map(([, member]) => member);
  if (text('sha256') !== hashOf(content)) fail('is damaged: its content is not what its checksum says');
  const record = JSON.parse(text('part.json'), decodeNumber) as PartRecord;
  if (record.format !== FORMAT) fail(`is of another version: ${record.format}; takes ${FORMAT}`);
  const array = (name: string) => decodeNpy(members.get(`${name}.npy`)!).data;
  const flags = (name: string) => (members.has(`${name}.npy`) ? { [name]: Uint8Array.from(array(name)) } : {});
  const { settings, shape, constraints, firstStart, pattern, options, outcome } = record;
  const [residuals, feasibleResiduals] = ['residuals', 'feasibleResiduals'].map(array);
  const isComplex = constraints.object === 'complex';
  const objects = isComplex ? decodeComplexNpy(members.get('objects.npy')!).data : array('objects');
  const one = (start: number) => {
    const length = objects.length / residuals.length;
    return objects.slice(start * length, (start + 1) * length);
  };
  const inObject = members.has('objectMagnitudes.npy') && { objectMagnitudes: array('objectMagnitudes') };
  return {
    ...{ path, settings, firstStart, pattern, options },
    problem: {
      ...{ magnitudes: array('magnitudes'), shape, ...flags('mask'), ...flags('support'), ...inObject },
      ...constraints,
    },
    objects: Array.from(residuals, (_, start) => one(start)),
    outcome: { ...outcome, result: { ...outcome.result, residuals, feasibleResiduals } as Reconstruction },
  };
}

/** `part.json`. */
interface PartRecord extends Pick<Part, 'settings' | 'firstStart' | 'pattern' | 'options' | 'outcome'> {
  format: string;
  shape: Problem['shape'];
  constraints: Omit<Problem, 'magnitudes' | 'mask' | 'support' | 'objectMagnitudes' | 'shape'>;
}

function stacked(objects: readonly RealResult[]): RealArray {
  const [first] = objects;
  const length = objects.length * first.length;
  const all = first instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
  objects.forEach((object, start) => all.set(object, start * object.length));
  return all;
}

function hashOf(parts: readonly (Uint8Array | undefined)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) if (part) hash.update(part);
  return hash.digest('hex');
}

/** JSON has no infinities. */
function encodeNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

function decodeNumber(_key: string, value: unknown): unknown {
  return ['Infinity', '-Infinity', 'NaN'].includes(value as string) ? Number(value) : value;
}
