/**
 * Writes the WGSL that transforms lines in one workgroup: Stockham's autosort (numbers stay in natural order) with the
 * numbers of a butterfly in registers and exchanges through workgroup memory between the stages. Real and imaginary parts
 * are exchanged one after the other: lines twice as long fit, and twice as many workgroups share a processor (measured on
 * an H200: 20 % faster at 2048 than exchanging both at once).
 *
 * A line's numbers are spread over its threads in one of two ways: at the `near` end butterfly j of the first radix holds
 * the numbers j + k·count, at the `far` end butterfly j of the last radix does. The first pass goes from the near end to
 * the far end; the second goes back through the reversed radices. Work on single numbers between the two needs no
 * exchange, and both ends read and write neighbouring numbers in neighbouring threads.
 *
 * It does not know where lines come from: columns.ts and rows.ts put loads, pixel rules and stores around it.
 */
import { butterfly, type Sign } from './butterflies.js';
import { makeKernel, sumOverThreads, type Kernel, type KernelText, type Resource } from './kernel.js';
import { BANKS, farEnd, isBluestein, registersFor, type LinePlan } from './plan.js';
import { opposite, secondPower, tableLayout, type Pass, type TableLayout } from './tables.js';

export type End = 'near' | 'far';

/** One number of a line in a thread, in WGSL expressions. */
export interface Element {
  /** The register that holds it, a vec2f. */
  register: string;
  /** Its index in the line. */
  index: string;
  /** Its address in workgroup memory. */
  address: string;
  /** Its number in its butterfly. */
  k: number;
}

/** The product of two complex numbers. */
export const TIMES = `
fn times(a: vec2f, b: vec2f) -> vec2f { return a * b.x + vec2f(-a.y, a.x) * b.y; }`;

/** Writes a kernel statement by statement. In it, `t` is the thread of the line and `line` the workgroup's line. */
export class LineWriter {
  readonly plan: LinePlan;
  readonly #signs: Record<Pass, Sign>;
  readonly #table: TableLayout;
  readonly #interleaved: boolean;
  readonly #body: string[] = [];
  /** A thread may still be reading workgroup memory. */
  #beingRead = false;
  #names = 0;

  /**
   * `first`: the sign of the first pass; the second has the other. `interleaved`: neighbouring threads are of neighbouring
   * lines, for lines whose numbers lie side by side in memory.
   */
  constructor(plan: LinePlan, first: Sign, interleaved = false) {
    this.plan = plan;
    this.#signs = { first, second: opposite(first) };
    this.#table = tableLayout(plan);
    this.#interleaved = interleaved;
  }

  /** A name that is new in this kernel. */
  unique(name: string): string {
    return `${name}${this.#names++}`;
  }

  emit(...code: string[]): void {
    this.#body.push(...code);
  }

  /** The kernel of what was emitted, over `count` lines of each start. */
  kernel(
    bindings: Resource[],
    count: number,
    functions: string,
    options: Pick<KernelText, 'types' | 'readOnly'> = {},
  ): Kernel {
    const { radices, padded, threads, lines, stride, padding } = this.plan;
    const declarations = `
var<workgroup> memory: array<f32, ${lines * stride}>;
${TIMES}
fn at(line: u32, i: u32) -> u32 { return line * ${stride}u + i${padding ? ` + i / ${BANKS}u` : ''}; }${functions}`;
    const registers = Array.from({ length: registersFor(radices, padded, threads) }, (_, i) => `var x${i} = vec2f();`);
    const [t, line] = this.#interleaved
      ? [`thread / ${lines}u`, `thread % ${lines}u`]
      : [`thread % ${threads}u`, `thread / ${threads}u`];
    const head = [`let t = ${t};`, `let line = ${line};`, registers.join(' ')];
    const body = [...head, ...this.#body].join('\n');
    const workgroups = Math.ceil(count / lines);
    return makeKernel({ bindings, ...options, declarations, threads: threads * lines, body, workgroups });
  }

  /** Numbers that a butterfly holds at an end, and how many butterflies there are. */
  end(end: End): { radix: number; count: number } {
    const [radix] = this.plan.radices;
    return end === 'far' ? farEnd(this.plan) : { radix, count: this.plan.padded / radix };
  }

  /** Code for every number that a thread holds at an end, after code for its butterfly. */
  atEnd(end: End, each: (element: Element) => string, perButterfly: (butterfly: string) => string = () => ''): void {
    const { radix, count } = this.end(end);
    this.#eachButterfly(radix, (j, registers) => {
      const { base, addresses } = this.#addresses(j, 1, radix, count);
      const code = registers.map((register, k) => {
        const index = `(${j} + ${k * count}u)`;
        const statement = each({ register, index, address: addresses[k], k });
        if ((k + 1) * count <= this.plan.length) return statement;
        return k * count >= this.plan.length ? '' : `if (${index} < ${this.plan.length}u) { ${statement} }`;
      });
      return [base, perButterfly(j), ...code].join('\n');
    });
  }

  /** Transforms the registers, from the near to the far end in the first pass, back in the second. */
  transform(pass: Pass): void {
    if (!isBluestein(this.plan)) return this.#stages(pass, this.#signs[pass]);
    const { radices } = this.plan;
    const multiply = (radix: number, part: 'xy' | 'zw') => {
      const entry = (j: string, k: number) => `${this.#table.chirp + (k * this.plan.padded) / radix}u + ${j}`;
      this.#eachButterfly(radix, (j, registers) =>
        registers.map((x, k) => chirpProduct(x, entry(j, k), part, this.#signs[pass] > 0)).join('\n'),
      );
    };
    multiply(radices[0], 'xy');
    this.#stages('first', -1);
    multiply(radices[radices.length - 1], 'zw');
    this.#stages('second', 1);
    multiply(radices[0], 'xy');
  }

  /** Moves numbers between threads: `write` stores a component to workgroup memory, `read` loads it. */
  exchange(write: (component: Component) => void, read: (component: Component) => void): void {
    for (const component of ['x', 'y'] as const) {
      if (this.#beingRead) this.emit('workgroupBarrier();');
      write(component);
      this.emit('workgroupBarrier();');
      read(component);
      this.#beingRead = true;
    }
  }

  /** A distance in a line as one in workgroup memory; undefined where that depends on where it begins. */
  distance(numbers: number): number | undefined {
    if (!this.plan.padding) return numbers;
    return numbers % BANKS === 0 ? numbers + numbers / BANKS : undefined;
  }

  /** `sumOverThreads` for the threads of each line. */
  sumLine(value: string, use: string): void {
    if (this.#beingRead) this.emit('workgroupBarrier();');
    this.emit(sumOverThreads(this.plan.threads, 't', value, use));
    this.#beingRead = true;
  }

  /** The same for all threads of the workgroup. */
  sumLines(value: string, use: string): void {
    if (this.#beingRead) this.emit('workgroupBarrier();');
    this.emit(sumOverThreads(this.plan.threads * this.plan.lines, 'thread', value, use));
    this.#beingRead = true;
  }

  #stages(pass: Pass, sign: Sign): void {
    const stages = this.#table.stages[pass];
    stages.forEach(({ radix, span, entry }, i) => {
      this.#eachButterfly(radix, (j, registers) => {
        const twiddles = span > 1 ? twiddle(registers, `tables[${entry}u + ${j} % ${span}u]`) : '';
        return twiddles + butterfly(registers, sign);
      });
      if (i + 1 < stages.length) this.#sort(radix, span, stages[i + 1].radix);
    });
  }

  /** Stockham's reordering after a stage, into the registers of the next. */
  #sort(radix: number, span: number, next: number): void {
    const count = this.plan.padded / next;
    this.exchange(
      (component) =>
        this.#eachButterfly(radix, (j, registers) => {
          const first = span === 1 ? `${j} * ${radix}u` : `${j} / ${span}u * ${span * radix}u + ${j} % ${span}u`;
          const { base, addresses } = this.#addresses(first, span * radix, radix, span);
          return [base, ...registers.map((x, k) => `memory[${addresses[k]}] = ${x}.${component};`)].join('\n');
        }),
      (component) =>
        this.#eachButterfly(next, (j, registers) => {
          const { base, addresses } = this.#addresses(j, 1, next, count);
          return [base, ...registers.map((x, k) => `${x}.${component} = memory[${addresses[k]}];`)].join('\n');
        }),
    );
  }

  /**
   * Addresses in workgroup memory of the numbers first + k·step of a line. `first` is a multiple of `multiple` plus less
   * than `step`. Where padding allows, they are one address and constants, which cost no instructions.
   */
  #addresses(first: string, multiple: number, radix: number, step: number): { base: string; addresses: string[] } {
    const aligned = [step, multiple === 1 ? step : multiple].every((n) => n % BANKS === 0 || BANKS % n === 0);
    const offset = (k: number) => k * step + (this.plan.padding ? Math.floor((k * step) / BANKS) : 0);
    const addresses = Array.from({ length: radix }, (_, k) =>
      aligned || !this.plan.padding ? `origin + ${offset(k)}u` : `at(line, first + ${k * step}u)`,
    );
    return { base: `let first = ${first}; let origin = at(line, first);`, addresses };
  }

  /** Code for each butterfly of a thread; in the last round some threads may have none. */
  #eachButterfly(radix: number, code: (j: string, registers: string[]) => string): void {
    const count = this.plan.padded / radix;
    for (let b = 0; b * this.plan.threads < count; b++) {
      const registers = Array.from({ length: radix }, (_, k) => `x${b * radix + k}`);
      const guard = (b + 1) * this.plan.threads > count ? `if (j < ${count}u)` : '';
      this.emit(`{ let j = t + ${b * this.plan.threads}u; ${guard} {\n${code('j', registers)}\n} }`);
    }
  }
}

/** The part of a complex number that is exchanged. */
type Component = 'x' | 'y';

/** Multiplies by the chirp of Bluestein's transform (`xy` of a table entry) or its spectrum (`zw`); conjugated if inverse. */
export function chirpProduct(register: string, entry: string, part: 'xy' | 'zw', inverse: boolean): string {
  const factor = inverse ? `vec2f(f.${part[0]}, -f.${part[1]})` : `f.${part}`;
  return `{ let f = tables[${entry}]; ${register} = times(${register}, ${factor}); }`;
}

/** register k ← register k · w^k, with w and w^q from a table entry. */
export function twiddle(registers: readonly string[], entry: string): string {
  const radix = registers.length;
  const q = secondPower(radix);
  const lines = [`let w = ${entry};`, 'let w1 = w.xy;'];
  for (let k = 2; k < radix; k++) {
    const factor = k < 4 ? k - 1 : k === 4 ? 2 : k - (k % 4 || 4);
    lines.push(`let w${k} = ${k === q ? 'w.zw' : `times(w${factor}, w${k - factor})`};`);
  }
  for (let k = 1; k < radix; k++) lines.push(`${registers[k]} = times(${registers[k]}, w${k});`);
  return `${lines.join('\n')}\n`;
}
