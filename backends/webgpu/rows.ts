/**
 * Kernels over the rows of a spectrum and of images: the row pass of an iteration, inverse → pixel rule → forward, and
 * the parts of it that the single kernels need. Two rows are the real and imaginary part of one complex line. A workgroup
 * takes two such lines or more where they fit, because four rows of one column fill a sector of memory.
 */
import { comesOutEven, declare, mainFunction, type Kernel, type Resource } from './kernel.js';
import type { Layout } from './layout.js';
import { LineWriter } from './line.js';
import type { LinePlan } from './plan.js';
import { ruleFunction, type Rule } from './rules.js';

export interface RowWork {
  /** From the spectrum's rows; otherwise from the object. */
  inverse?: boolean;
  rule?: Rule;
  /** Into the spectrum's rows; otherwise into the object. */
  forward?: boolean;
  withSupport: boolean;
}

export const PARAMETERS = `
struct Parameters { beta: f32, normal: f32, first: u32 }`;

export function rowKernel(layout: Layout, plan: LinePlan, work: RowWork): Kernel {
  const { pairs } = layout;
  const writer = new LineWriter(plan, 1);
  const { inverse, rule, forward } = work;
  const resources: Resource[] = ['parameters'];
  if (inverse || forward) resources.push('spectrum', 'tables');
  if (!inverse || !forward) resources.push('object');
  if (rule?.hasMemory) resources.push('iterate');
  if (rule && work.withSupport) resources.push('support');

  writer.emit(
    `let pair = group * ${plan.lines}u + line;`,
    `let there = ${comesOutEven(pairs, plan.lines) ? 'true' : `pair < ${pairs}u`};`,
  );
  writer.emit(`let second_there = ${layout.rows % 2 === 0 ? 'there' : `pair + 1u < ${pairs}u`};`);
  writer.emit(`let first_row = (start * ${layout.rows}u + 2u * pair) * ${layout.columns}u;`);
  writer.emit(`let second_row = first_row + ${layout.columns}u;`);
  if (inverse) {
    loadSpectrum(writer, layout);
    writer.transform('first');
    writer.atEnd('far', ({ register }) => `${register} *= parameters.normal;`);
  } else {
    writer.atEnd('far', ({ register, index }) => {
      const [first, second] = [`object[first_row + ${index}]`, `object[second_row + ${index}]`];
      return `if (there) { ${register}.x = ${first}; } if (second_there) { ${register}.y = ${second}; }`;
    });
  }
  if (rule) applyRule(writer, rule, pairs, work.withSupport);
  if (forward) {
    writer.transform('second');
    storeSpectrum(writer, layout);
  } else {
    writer.atEnd('far', ({ register, index }) => {
      const [first, second] = [`object[first_row + ${index}]`, `object[second_row + ${index}]`];
      return `if (there) { ${first} = ${register}.x; } if (second_there) { ${second} = ${register}.y; }`;
    });
  }

  const code = [
    PARAMETERS,
    // A pair of rows of one column is one vec4f.
    declare(resources, { spectrum: 'array<vec4f>' }),
    writer.declarations(),
    rule ? ruleFunction(rule) : '',
    mainFunction(writer.workgroupSize, `${writer.prologue()}\n${writer.body()}`),
  ].join('\n');
  const name = `rows ${JSON.stringify(work)}`;
  return { name, code, bindings: resources, workgroups: Math.ceil(pairs / plan.lines) };
}

function applyRule(writer: LineWriter, rule: Rule, pairs: number, withSupport: boolean): void {
  const { count } = writer.end('far');
  const outside = (bit: number) => `(inside & ${(1 << bit) >>> 0}u) == 0u`;
  writer.atEnd(
    'far',
    ({ register, index, k }) =>
      pixelCode(rule, register, index, withSupport ? [outside(k), outside(16 + k)] : undefined),
    (j) => (withSupport ? `let inside = support[min(pair, ${pairs - 1}u) * ${count}u + ${j}];` : ''),
  );
}

/**
 * The rule on the pixel of each row that a register holds. `outside`: expressions that say whether the pixels are outside
 * the support, where there is one.
 */
export function pixelCode(rule: Rule, register: string, index: string, outside?: [string, string]): string {
  const rows = [
    { value: `${register}.x`, pixel: `first_row + ${index}`, exists: 'there', beyond: outside?.[0] },
    { value: `${register}.y`, pixel: `second_row + ${index}`, exists: 'second_there', beyond: outside?.[1] },
  ];
  return rows
    .map(({ value, pixel, exists, beyond }) => {
      const given = `let y = ${value}; let bad = y < 0.0${beyond ? ` || ${beyond}` : ''};`;
      if (!rule.hasMemory) return `{ ${given} ${value} = rule(y, y, 0.0, bad, parameters.beta).y; }`;
      return `if (${exists}) {
  ${given}
  var fed_back = y; var kept = 0.0;
  if (parameters.first == 0u) { fed_back = iterate[${pixel}]; kept = fed_back; }
  let updated = rule(y, fed_back, kept, bad, parameters.beta);
  iterate[${pixel}] = updated.x; ${value} = updated.y;
}`;
    })
    .join('\n');
}

/**
 * Puts lines together from the columns of their two rows: Z(c) = X₀(c) + i·X₁(c), and Z(−c) from the conjugates. Threads
 * take neighbouring pairs of rows of one column, and hand the numbers over through workgroup memory.
 */
function loadSpectrum(writer: LineWriter, layout: Layout): void {
  const { columns, pairs, rows } = layout;
  const items = dealOut(writer, layout);
  for (const { q, where, at, column } of items) {
    // The padding behind an odd number of rows is no row.
    const noSecond =
      rows % 2 === 1
        ? `if (group * ${writer.plan.lines}u + thread % ${writer.plan.lines}u + 1u == ${pairs}u) { a${q}.z = 0.0; a${q}.w = 0.0; }`
        : '';
    const real = `if (${column} == 0u || 2u * ${column} == ${columns}u) { a${q}.y = 0.0; a${q}.w = 0.0; }`;
    writer.emit(`var a${q} = vec4f();`, `${where} { a${q} = spectrum[${at}]; ${noSecond} ${real} }`);
  }
  writer.exchange(
    (component) => {
      for (const { q, where, here, mirror } of items) {
        const [value, mirrored] =
          component === 'x' ? [`a${q}.x - a${q}.w`, `a${q}.x + a${q}.w`] : [`a${q}.y + a${q}.z`, `a${q}.z - a${q}.y`];
        writer.emit(`${where} { memory[${here}] = ${value}; memory[${mirror}] = ${mirrored}; }`);
      }
    },
    (component) => writer.atEnd('near', ({ register, place }) => `${register}.${component} = memory[${place}];`),
  );
}

/** The reverse: X₀ and X₁ are the Hermitian and the anti-Hermitian part of Z. */
function storeSpectrum(writer: LineWriter, layout: Layout): void {
  const items = dealOut(writer, layout);
  for (const { q } of items) writer.emit(`var here${q} = vec2f(); var there${q} = vec2f();`);
  writer.exchange(
    (component) => writer.atEnd('near', ({ register, place }) => `memory[${place}] = ${register}.${component};`),
    (component) => {
      for (const { q, where, here, mirror } of items) {
        writer.emit(
          `${where} { here${q}.${component} = memory[${here}]; there${q}.${component} = memory[${mirror}]; }`,
        );
      }
    },
  );
  for (const { q, where, at } of items) {
    const value = `vec4f(a.x + b.x, a.y - b.y, a.y + b.y, b.x - a.x)`;
    writer.emit(`${where} { let a = here${q}; let b = there${q}; spectrum[${at}] = ${value}; }`);
  }
}

/** One column of one line, with expressions for where it is in workgroup memory and in the spectrum. */
interface Item {
  q: number;
  /** Condition of a statement: that there is such an item. */
  where: string;
  column: string;
  here: string;
  mirror: string;
  at: string;
}

/**
 * The columns of a workgroup's lines, dealt out to its threads: neighbouring threads take the lines of one column. All
 * items of a thread are of one line, a fixed distance apart.
 */
function dealOut(writer: LineWriter, { columns, stored, columnStride, pairs }: Layout): Item[] {
  const { lines, threads } = writer.plan;
  const step = writer.distance(threads);
  const name = writer.unique('item');
  const pairThere = comesOutEven(pairs, lines) ? [] : [`group * ${lines}u + ${name}_line < ${pairs}u`];
  writer.emit(
    `let ${name} = thread / ${lines}u;`,
    `let ${name}_line = thread % ${lines}u;`,
    `let ${name}_at = (start * ${stored}u + ${name}) * ${columnStride / 2}u + group * ${lines}u + ${name}_line;`,
    `let ${name}_here = at(${name}_line, ${name});`,
    `let ${name}_mirror = at(${name}_line, ${columns}u - ${name});`,
  );
  return Array.from({ length: Math.ceil(stored / threads) }, (_, q) => {
    const column = `(${name} + ${q * threads}u)`;
    const conditions = [...((q + 1) * threads <= stored ? [] : [`${column} < ${stored}u`]), ...pairThere];
    const mirrored = `at(${name}_line, ${columns}u - ${column})`;
    const far = step === undefined ? mirrored : `${name}_mirror - ${q * step}u`;
    return {
      q,
      where: conditions.length > 0 ? `if (${conditions.join(' && ')})` : '',
      column,
      here: step === undefined ? `at(${name}_line, ${column})` : `${name}_here + ${q * step}u`,
      // The zero frequency is its own mirror image.
      mirror: q === 0 ? `select(${far}, ${name}_here, ${name} == 0u)` : far,
      at: `${name}_at + ${q * threads * (columnStride / 2)}u`,
    };
  });
}
