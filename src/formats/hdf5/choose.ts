/** Which dataset of a file is the pattern, and which are its masks. */
import { FileFormatError } from '../../errors.js';
import { refused } from './cursor.js';
import { type Dataset, asDataset } from './dataset.js';
import { type Hdf5File, type Hdf5Object, missing } from './file.js';

/** Where the Coherent X-ray Imaging format keeps its measurement (F. Maia, Nature Methods 9, 854, 2012). */
const CXI_DATASETS = ['/entry_1/data_1/data', '/entry_1/image_1/data', '/entry_1/instrument_1/detector_1/data'];

/** The last part of a path that never is a pattern's. */
const OTHER_NAMES =
  /mask|bad_?pixel|flat_?field|dark|background|pedestal|gain|pos(ition)?s?$|positions?|translation|coord|basis|metadata|timestamp|_set$/i;

/** Fewer rows or columns than this, unless there are as many of both, are lists of coordinates, or bytes of text. */
const LEAST_EXTENT = 4;

/** More files than this are not opened to find out what is in them. */
const MOST_FILES = 8;

/** How the axes of a dataset make images: which are rows and columns, and which count frames. */
export interface Axes {
  rows: number;
  columns: number;
  frames: number[];
  /** MATLAB's columns run fastest: as MATLAB shows it, the last axis of the file is the first. */
  transposed: boolean;
}

/** Axes of extent 1 are left out, as long as two are left; undefined for what has fewer. */
export function axesOf(dataset: Dataset): Axes | undefined {
  const { extents, path, object } = dataset;
  const axes = extents.map((_, axis) => axis);
  for (let at = 0; axes.length > 2 && at < axes.length;) {
    if (extents[axes[at]] === 1) axes.splice(at, 1);
    else at++;
  }
  if (axes.length < 2) return undefined;
  // Velox counts frames last.
  const framesLast = axes.length > 2 && /^\/Data\/Image\/[^/]+\/Data$/.test(path);
  const [rows, columns] = framesLast ? axes.splice(0, 2) : axes.splice(-2);
  return { rows, columns, frames: axes, transposed: object.file.attributes(object).has('MATLAB_class') };
}

interface Contents {
  datasets: Dataset[];
  groups: Hdf5Object[];
}

function contentsOf(file: Hdf5File): Contents {
  const datasets: Dataset[] = [];
  const groups: Hdf5Object[] = [];
  for (const object of file.list().objects) {
    if (object.path.startsWith('/#refs#')) continue;
    const dataset = tryTo(() => asDataset(object));
    if (dataset) datasets.push(dataset);
    else groups.push(object);
  }
  return { datasets, groups };
}

/** A dataset that cannot be read at all is not a choice; chosen by name, it says what is wrong with it. */
function tryTo<Result>(attempt: () => Result): Result | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof FileFormatError) return undefined;
    throw error;
  }
}

const isNumeric = ({ type }: Dataset): boolean => type.kind !== 'other';
const nameOf = ({ path }: { path: string }): string => path.slice(path.lastIndexOf('/') + 1);
const sizeOf = ({ extents }: Dataset): number => extents.reduce((product, extent) => product * extent, 1);

function isImage(dataset: Dataset): boolean {
  return isNumeric(dataset) && tryTo(() => axesOf(dataset)) !== undefined;
}

function canBePattern(dataset: Dataset): boolean {
  const { type, path } = dataset;
  if (!isImage(dataset) || OTHER_NAMES.test(nameOf(dataset)) || /\/masks?\//i.test(path)) return false;
  // Booleans are masks.
  if (type.kind === 'integer' && type.isEnum) return false;
  if (dataset.object.file.attributes(dataset.object).get('MATLAB_class') === 'char') return false;
  const { rows, columns } = axesOf(dataset)!;
  const [height, width] = [dataset.extents[rows], dataset.extents[columns]];
  return Math.min(height, width) >= LEAST_EXTENT || (height === width && height > 1);
}

/** The dataset of a path. @throws FileFormatError, which lists the datasets there are */
export function datasetAt(file: Hdf5File, path: string): Dataset {
  const found = file.find(path);
  const dataset = found && asDataset(found);
  if (dataset) return dataset;
  throw refused(`has no dataset ${path}; it has ${listed(contentsOf(file).datasets)}`);
}

/** @throws FileFormatError, which lists what there is, when no dataset or several can be meant */
export function choosePattern(file: Hdf5File): Dataset {
  const contents = contentsOf(file);
  const named = nexusSignal(file, contents) ?? firstOf(file, CXI_DATASETS);
  if (named && canBePattern(named)) return named;

  const candidates = contents.datasets.filter(canBePattern);
  const { external } = file.list();
  const links = external.filter((link) => !OTHER_NAMES.test(nameOf(link)));
  const files = [...new Set(links.map((link) => link.file))];
  if (files.length > MOST_FILES) {
    throw refused(
      `has its images in ${files.length} other files; name one of ${listPaths(links.map(({ path }) => path))}`,
    );
  }
  file.library.request(files);
  for (const link of links) {
    const other = file.library.file(link.file);
    if (!other) throw missing(link.path, [link.file]);
    const object = other.find(link.target);
    const dataset = object && tryTo(() => asDataset(object));
    if (dataset && canBePattern(dataset)) candidates.push({ ...dataset, path: link.path });
  }
  const distinct = candidates.filter(
    ({ object }, at) =>
      candidates.findIndex((other) => other.object.file === object.file && other.object.address === object.address) ===
      at,
  );
  if (distinct.length === 0) {
    throw refused(`has no dataset of real numbers that can be a pattern: ${listed(contents.datasets)}`);
  }
  const most = Math.max(...distinct.map(sizeOf));
  const largest = distinct.filter((dataset) => sizeOf(dataset) === most);
  if (largest.length === 1) return largest[0];
  throw refused(`has several images; name one: ${listed(largest)}`);
}

function firstOf(file: Hdf5File, paths: readonly string[]): Dataset | undefined {
  for (const path of paths) {
    const found = file.find(path);
    const dataset = found && asDataset(found);
    if (dataset) return dataset;
  }
  return undefined;
}

/** What NeXus says is to be plotted: from the root along `@default` to `@signal`; else the only signal there is. */
function nexusSignal(file: Hdf5File, { groups, datasets }: Contents): Dataset | undefined {
  const at = (path: string): Dataset | undefined => {
    const found = file.find(path);
    return found && asDataset(found);
  };
  let path = '';
  for (let depth = 0; depth < 8; depth++) {
    const object = file.find(path);
    if (!object) break;
    const attributes = file.attributes(object);
    const signal = attributes.get('signal');
    if (typeof signal === 'string') return at(`${path}/${signal}`);
    const next = attributes.get('default');
    if (typeof next !== 'string') break;
    path = `${path}/${next}`;
  }
  const signals = groups.flatMap((group) => {
    const attributes = file.attributes(group);
    if (attributes.get('NX_class') !== 'NXdata') return [];
    const signal = attributes.get('signal');
    const found = typeof signal === 'string' ? at(`${group.path}/${signal}`) : undefined;
    return found && canBePattern(found) ? [found] : [];
  });
  // Before 2014 the dataset itself was marked.
  const marked = datasets.filter(
    (dataset) => Number(file.attributes(dataset.object).get('signal')) === 1 && canBePattern(dataset),
  );
  const all = [...signals, ...marked];
  return all.length > 0 && all.every(({ object }) => object.address === all[0].object.address) ? all[0] : undefined;
}

/** A mask, and what its zeros mean. */
export interface Mask {
  dataset: Dataset;
  /** CXI and NeXus: zero is good, and other values say in bits what is wrong. */
  zeroIsGood: boolean;
  /** Bits that say something about a pixel without making it bad. */
  harmlessBits: number;
}

/** In the peak mask, corrected artefact, found peak, corrected background: CXI 1.6, table of pixel bits. */
export const CXI_HARMLESS = 0x20 | 0x800 | 0x2000 | 0x4000;

export function asMask(file: Hdf5File, dataset: Dataset): Mask {
  if (nameOf(dataset) === 'pixel_mask') return { dataset, zeroIsGood: true, harmlessBits: 0 };
  const zeroIsGood = isCxi(file) && /^mask/.test(nameOf(dataset));
  return { dataset, zeroIsGood, harmlessBits: zeroIsGood ? CXI_HARMLESS : 0 };
}

function isCxi(file: Hdf5File): boolean {
  return file.find('/cxi_version') !== undefined || file.find('/entry_1/data_1') !== undefined;
}

/** The masks in the file whose convention is known, for images of this shape. The nearest to the image comes first. */
export function findMasks(file: Hdf5File, image?: Dataset): Mask[] {
  const axes = image && axesOf(image);
  const shapeOf = ({ extents }: Dataset, of: Axes): string => `${extents[of.rows]}x${extents[of.columns]}`;
  const folder = image?.path.slice(0, image.path.lastIndexOf('/')) ?? '';
  const common = (path: string): number => [...path].findIndex((letter, at) => letter !== folder[at]);
  const masks = contentsOf(file)
    .datasets.map((dataset) => asMask(file, dataset))
    .filter(({ dataset, zeroIsGood }) => {
      const own = zeroIsGood && isImage(dataset) ? axesOf(dataset) : undefined;
      return own !== undefined && (!image || shapeOf(dataset, own) === shapeOf(image, axes!));
    });
  const sibling = folder && file.find(`${folder}/mask`);
  const near = masks.find(({ dataset }) => sibling && dataset.object.address === sibling.address);
  const rest = masks.filter((mask) => mask !== near);
  rest.sort((a, b) => common(b.dataset.path) - common(a.dataset.path));
  return near ? [near] : rest.slice(0, 1);
}

/** The mask of a file that was given for one: never the counts. */
export function chooseMask(file: Hdf5File): Mask {
  const known = findMasks(file);
  if (known.length > 0) return known[0];
  const { datasets } = contentsOf(file);
  const images = datasets.filter(isImage);
  const called = images.filter((dataset) => /mask|beam_?stop|measured|valid/i.test(nameOf(dataset)));
  const bytes = images.filter(({ type }) => type.kind === 'integer' && type.size === 1);
  for (const some of [called, bytes]) if (some.length === 1) return asMask(file, some[0]);
  const how = called.length > 1 ? 'has several masks; name one' : 'has no dataset that is called a mask; name one';
  throw refused(`${how}: ${listed(called.length > 1 ? called : datasets)}`);
}

/** Images first, the largest in front. */
function listed(datasets: readonly Dataset[]): string {
  const rank = (dataset: Dataset): number => (isImage(dataset) ? 1 : 0);
  const ordered = [...datasets].sort((a, b) => rank(b) - rank(a) || (rank(a) ? sizeOf(b) - sizeOf(a) : 0));
  return listPaths(ordered.map(({ path, extents }) => `${path} (${extents.join(' × ') || 'a single value'})`));
}

function listPaths(paths: readonly string[]): string {
  if (paths.length === 0) return 'no datasets';
  return paths.slice(0, 20).join(', ') + (paths.length > 20 ? `, … (${paths.length} in all)` : '');
}
