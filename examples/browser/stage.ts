/** What is seen of a run: pictures, facts and the curve. */
import type { Shape } from 'rephase';
import { COLOUR_MAPS, type ColourMap } from './colours.js';
import { Curve } from './curve.js';
import { byId, listItems, setText } from './elements.js';
import { Picture, rangeOf, type Shown } from './picture.js';
import {
  VIEWS,
  type Box,
  type Comparison,
  type Findings,
  type Frame,
  type Opened,
  type Place,
  type Views,
} from './protocol.js';

const NONE: readonly [number, number] = [0, 1];
const BACKENDS = { webgpu: 'WebGPU', wasm: 'WASM', cuda: 'CUDA' };

type Overlay = NonNullable<Shown['overlay']>;
type Colours = Pick<Shown, 'map' | 'log' | 'range'>;

/** Of phases: a circle of hues. */
const CYCLIC = { map: 'phase', range: [-Math.PI, Math.PI] } as const;

export class Stage {
  readonly object = new Picture(byId('object'));
  readonly #pattern = new Picture(byId('pattern'));
  readonly #truth = new Picture(byId('truth'));
  readonly #curve = new Curve(byId('curve'));
  readonly #map = byId('map', HTMLSelectElement);
  readonly #log = byId('log', HTMLInputElement);
  readonly #whole = byId('whole', HTMLInputElement);
  readonly #positions = byId('positions', HTMLInputElement);
  readonly #spectrumView = byId('spectrum-view', HTMLSelectElement);
  readonly #objectView = byId('object-view', HTMLSelectElement);
  readonly #truthView = byId('truth-view', HTMLSelectElement);
  #problem: Opened | undefined;
  #frame: Frame | undefined;
  #comparison: Comparison | undefined;
  /** What the colours' ends stand for, of the pattern and of the original as it is shown. */
  #ranges = { pattern: NONE, truth: NONE };
  /** The view of the original that the range is of. */
  #ranged = '';
  /** Of the object: what is drawn on top, on all of it. */
  #overlay: Overlay | undefined;

  /** `onViews`: other numbers are needed. */
  constructor(onViews: (views: Views) => void) {
    for (const name of COLOUR_MAPS) this.#map.add(new Option(name, name));
    for (const control of [this.#map, this.#log, this.#whole, this.#positions, this.#truthView]) {
      control.addEventListener('change', () => this.draw());
    }
    for (const menu of [this.#spectrumView, this.#objectView]) {
      menu.addEventListener('change', () => onViews(this.views));
    }
  }

  get views(): Views {
    return { object: this.#objectView.value, spectrum: this.#spectrumView.value } as Views;
  }

  get problem(): Opened | undefined {
    return this.#problem;
  }

  /** Whether the object has iterated. */
  get hasBegun(): boolean {
    return (this.#frame?.iteration ?? 0) > 0;
  }

  set overlay(overlay: Overlay | undefined) {
    this.#overlay = overlay;
    this.draw();
  }

  set support(support: Uint8Array<ArrayBuffer>) {
    if (this.#problem) this.#problem = { ...this.#problem, support };
  }

  /** Begins with another problem. Returns whether its views are others than those of the last one. */
  open(problem: Opened): boolean {
    const isOther = this.#problem?.of !== problem.of;
    this.#problem = problem;
    this.#frame = undefined;
    this.#comparison = undefined;
    if (isOther) {
      fill(this.#spectrumView, VIEWS[problem.of].spectrum);
      fill(this.#objectView, VIEWS[problem.of].object);
    }
    this.#ranges.pattern = rangeOf(problem.pattern, true);
    this.#ranged = '';
    const hasTruth = problem.truth !== undefined;
    this.#curve.clear(hasTruth);
    byId('truth').hidden = !hasTruth;
    byId('error-fact').hidden = !hasTruth;
    setText('turned', `${problem.of === 'complex' ? 'the twin' : 'upside down'}, which a pattern cannot tell`);
    setText('title', problem.title);
    this.showFindings({ warnings: [] });
    return isOther;
  }

  showFindings({ warnings }: Pick<Findings, 'warnings'>): void {
    const done = this.#problem?.done ?? [];
    const findings = [...done, ...warnings.map(({ code, message }) => `${code}: ${message}`)];
    byId('findings').hidden = findings.length === 0;
    listItems('findings-list', findings);
  }

  add(frame: Frame): void {
    this.#frame = frame;
    this.#comparison = frame.comparison ?? this.#comparison;
    this.#curve.add(frame.iteration, frame.residuals, frame.comparison?.error);
  }

  showPlace({ backend, device, why }: Place): void {
    setText('place', BACKENDS[backend]);
    setText('why', `${device}; ${why}`);
  }

  /** Draws all of it, in the colours of the page as they are now. */
  draw(): void {
    this.#curve.draw();
    this.drawFrame();
  }

  drawFrame(): void {
    const [problem, frame] = [this.#problem, this.#frame];
    if (!problem || !frame) return;
    const { shape, support, positions } = problem;
    const truth = problem.truth?.[this.#objectView.value as Views['object']];
    this.#pattern.show(this.#patternShown(problem, frame));
    const isProbe = this.#spectrumView.value.startsWith('probe');
    setText('spectrum-name', isProbe ? 'Probe' : 'Pattern');
    const name = isProbe ? 'Probe' : 'Diffraction pattern';
    this.#pattern.canvas.setAttribute('aria-label', `${name}; arrow keys read values`);
    // Of an image the support, of a scan where light fell.
    const box = this.#whole.checked || this.#overlay ? undefined : boxOf(support ?? frame.object, shape);
    const dots = this.#positions.checked ? positions : undefined;
    const overlay = this.#overlay ?? (dots && ((context) => drawPositions(context, dots)));
    const isCyclic = problem.of === 'complex' && this.#objectView.value === 'phase';
    this.#map.disabled = this.#log.disabled = isCyclic;
    const colours = isCyclic ? CYCLIC : { map: this.#map.value as ColourMap, log: this.#log.checked };
    this.object.show({ data: frame.object, shape, ...colours, ...(box && { box }), ...(overlay && { overlay }) });
    if (truth) this.#truth.show(this.#truthShown(truth, shape, colours, support ? boxOf(truth, shape) : box));

    const { iteration, iterations, algorithm, generation, rate } = frame;
    setText('iteration', iterations === undefined ? String(iteration) : `${iteration} of ${iterations}`);
    setText('algorithm', algorithm);
    const within = [generation && `generation ${generation.join(' of ')}`, frame.isWithin && `next: ${frame.next}`];
    setText('within', within.filter(Boolean).join(', '));
    const residual = frame.residuals.at(-1);
    if (residual !== undefined) setText('residual', residual.toPrecision(3));
    else if (iteration === 0) setText('residual', '–');
    setText('error', this.#comparison ? `${(100 * this.#comparison.error).toFixed(1)} %` : '–');
    byId('turned').hidden = !this.#comparison?.rotated;
    setText('rate', Number.isNaN(rate) ? '–' : `${rate >= 100 ? Math.round(rate) : rate.toPrecision(2)} it/s`);
    byId('progress', HTMLProgressElement).value = iterations === undefined ? 0 : iteration / iterations;
  }

  #patternShown({ pattern, patternShape: shape }: Opened, { spectrum }: Frame): Shown {
    const view = this.#spectrumView.value;
    if (spectrum && view.endsWith('phase')) {
      return { data: spectrum, shape, centred: true, ...CYCLIC };
    }
    if (spectrum && view === 'probe') return { data: spectrum, shape, map: 'inferno' };
    const range = this.#ranges.pattern;
    return { data: spectrum ?? pattern, shape, centred: true, map: 'inferno', log: true, range };
  }

  #truthShown(truth: Float32Array, shape: Shape, colours: Colours, box: Box | undefined): Shown {
    const shown = { shape, ...(box && { box }) };
    const objectView = this.#objectView.value;
    const ranged = `${objectView} ${colours.log}`;
    if (this.#ranged !== ranged) this.#ranges.truth = rangeOf(truth, colours.log ?? false);
    this.#ranged = ranged;
    const range = colours.range ?? this.#ranges.truth;
    const view = this.#truthView.value;
    const { aligned, view: alignedView } = this.#comparison ?? {};
    // A constrained image and its iterate have one original.
    const isAligned = aligned && (alignedView === objectView || this.#problem?.of === 'image');
    if (!isAligned || view === 'original') return { data: truth, ...shown, ...colours, range };
    if (view === 'aligned') return { data: aligned, ...shown, ...colours, range };
    const most = (range[1] - range[0]) / 2;
    const away = (value: number) => (colours.range ? Math.atan2(Math.sin(value), Math.cos(value)) : value);
    return { data: aligned.map((value, i) => away(value - truth[i])), ...shown, map: 'blue–red', range: [-most, most] };
  }
}

function fill(menu: HTMLSelectElement, views: Readonly<Record<string, string>>): void {
  menu.replaceChildren(...Object.entries(views).map(([value, text]) => new Option(text, value)));
}

/** The smallest rectangle around what is neither 0 nor NaN. */
function boxOf(data: ArrayLike<number>, [rows, columns]: readonly [number, number]): Box | undefined {
  let [top, bottom, left, right] = [rows, -1, columns, -1];
  for (let i = 0; i < data.length; i++) {
    if (!data[i]) continue;
    const [row, column] = [Math.floor(i / columns), i % columns];
    [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
    [left, right] = [Math.min(left, column), Math.max(right, column)];
  }
  return bottom < 0 ? undefined : { top, left, rows: bottom - top + 1, columns: right - left + 1 };
}

function drawPositions(context: CanvasRenderingContext2D, positions: Float32Array): void {
  context.fillStyle = '#f97316';
  const size = Math.max(1, context.canvas.width / 200);
  for (let i = 0; i < positions.length; i += 2) {
    context.fillRect(positions[i + 1] - size / 2, positions[i] - size / 2, size, size);
  }
}

/** Shows the settings that have an effect on this kind of problem. */
export function revealSettings(problem: Opened, isExample: boolean): void {
  const isImage = problem.of !== 'scan';
  byId('simulation').hidden = !isImage || problem.truth === undefined;
  for (const id of ['support-settings', 'image-algorithm']) byId(id).hidden = !isImage;
  for (const id of ['scan-algorithm', 'positions-row']) byId(id).hidden = isImage;
  byId('as-row').hidden = isExample;
  byId('object-row').hidden = isExample || !isImage;
  byId('leave').hidden = isExample;
}
