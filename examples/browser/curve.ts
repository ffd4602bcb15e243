/** The residual of every iteration, and the error where the original is known, over iterations on logarithmic scales. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

const HEIGHT = 240;
/** No screen has so many pixels in a row: then every second point is dropped. */
const MOST_POINTS = 4000;

/** Between iterations with a number lie whole iterations. */
const COUNTS = Array.from({ length: 30 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));

export class Curve {
  readonly #box: HTMLElement;
  #plot: uPlot | undefined;
  #iterations: number[] = [];
  #residuals: number[] = [];
  #errors: (number | null)[] = [];
  #hasErrors = false;
  /** Of so many iterations one is kept, beside those with an error. */
  #every = 1;

  constructor(box: HTMLElement) {
    this.#box = box;
    new ResizeObserver(() => this.#plot?.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
  }

  /** Begins anew. */
  clear(hasErrors: boolean): void {
    this.#iterations = [];
    this.#residuals = [];
    this.#errors = [];
    this.#hasErrors = hasErrors;
    this.#every = 1;
    this.draw();
  }

  /** Adds the residuals that end with this iteration, and the error that was found after it. */
  add(iteration: number, residuals: Float64Array, error: number | undefined): void {
    residuals.forEach((residual, i) => {
      const at = iteration - residuals.length + 1 + i;
      const found = at === iteration ? (error ?? null) : null;
      if (at % this.#every !== 0 && found === null) return;
      this.#iterations.push(at);
      this.#residuals.push(residual);
      this.#errors.push(found);
    });
    // It may be found later than the residual.
    if (residuals.length === 0 && error !== undefined && this.#iterations.at(-1) === iteration) {
      this.#errors[this.#errors.length - 1] = error;
    }
    if (this.#iterations.length > MOST_POINTS) this.#thin();
    if (this.#plot) this.#plot.setData(this.#data());
    else this.draw();
  }

  #thin(): void {
    this.#every *= 2;
    const keeps = this.#iterations.map((at, i) => at % this.#every === 0 || this.#errors[i] !== null);
    const kept = <T>(list: T[]) => list.filter((_, i) => keeps[i]);
    this.#iterations = kept(this.#iterations);
    this.#residuals = kept(this.#residuals);
    this.#errors = kept(this.#errors);
  }

  /** Draws all of it in the colours of the page as they are now. */
  draw(): void {
    this.#plot?.destroy();
    this.#plot = undefined;
    if (this.#iterations.length === 0) return;
    const colour = (name: string) => {
      this.#box.style.color = `var(${name})`;
      return getComputedStyle(this.#box).color;
    };
    const axis = {
      stroke: colour('--soft'),
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { stroke: colour('--line'), width: 1 },
    };
    const digits = (_: uPlot, value: number | null) => (value === null ? '–' : value.toPrecision(3));
    this.#plot = new uPlot(
      {
        width: this.#box.clientWidth,
        height: HEIGHT,
        scales: { x: { time: false }, y: { distr: 3 } },
        axes: [
          { ...axis, incrs: COUNTS },
          { ...axis, size: 60, values: (_, values) => values.map((value) => label(value)) },
        ],
        series: [
          { label: 'iteration' },
          { label: 'residual', stroke: colour('--curve'), width: 1.5, value: digits },
          ...(this.#hasErrors
            ? [{ label: 'error', stroke: colour('--second'), width: 1.5, spanGaps: true, value: digits }]
            : []),
        ],
      },
      this.#data(),
      this.#box,
    );
    this.#box.style.color = '';
  }

  #data(): uPlot.AlignedData {
    return [this.#iterations, this.#residuals, ...(this.#hasErrors ? [this.#errors] : [])];
  }
}

function label(value: number | null): string {
  if (value === null) return '';
  return value < 1e-3 ? value.toExponential() : String(value);
}
