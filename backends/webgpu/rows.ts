/**
 * Kernels over the rows of a spectrum and of images: the row pass of an iteration, inverse → pixel rule → forward, and
 * the parts of it that the single kernels need. Two rows are the real and imaginary part of one complex line. A workgroup
 * takes two such lines or more where they fit, because four rows of one column fill a sector of memory.
 */
import { declare, mainFunction, type Kernel, type Resource } from './kernel.js';
import type { Layout } from './layout.js';
import { LineWriter, type Part } from './line.js';
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

  writer.emit(`let pair = group * ${plan.lines}u + line;`, `let there = pair < ${pairs}u;`);
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
  const half = (register: string, component: 'x' | 'y', k: number, pixel: string, exists: string) => {
    const bit = component === 'x' ? k : 16 + k;
    const outside = withSupport ? ` || (inside & ${(1 << bit) >>> 0}u) == 0u` : '';
    const bad = `let bad = y < 0.0${outside};`;
    if (!rule.hasMemory) {
      return `{ let y = ${register}.${component}; ${bad} ${register}.${component} = rule(y, y, 0.0, bad, parameters.beta).y; }`;
    }
    return `if (${exists}) {
  let y = ${register}.${component}; ${bad}
  var fed_back = y; var kept = 0.0;
  if (parameters.first == 0u) { fed_back = iterate[${pixel}]; kept = fed_back; }
  let updated = rule(y, fed_back, kept, bad, parameters.beta);
  iterate[${pixel}] = updated.x; ${register}.${component} = updated.y;
}`;
  };
  writer.atEnd(
    'far',
    ({ register, index, k }) =>
      half(register, 'x', k, `first_row + ${index}`, 'there') +
      half(register, 'y', k, `second_row + ${index}`, 'second_there'),
    (j) => (withSupport ? `let inside = support[min(pair, ${pairs - 1}u) * ${count}u + ${j}];` : ''),
  );
}

/**
 * Puts lines together from the columns of their two rows: Z(c) = X₀(c) + i·X₁(c), and Z(−c) from the conjugates. Threads
 * take neighbouring pairs of rows of one column, and hand the numbers over through workgroup memory.
 */
function loadSpectrum(writer: LineWriter, layout: Layout): void {
  const { columns, columnStride, rows } = layout;
  const items = eachItem(writer, layout);
  for (const { q, guard, at } of items) {
    writer.emit(`var a${q} = vec4f();`, `if (${guard}) { ${at} a${q} = spectrum[place]; }`);
    // The padding behind an odd number of rows is no row.
    const noSecond = rows % 2 === 1 ? `if (2u * pair + 2u == ${columnStride}u) { a${q}.z = 0.0; a${q}.w = 0.0; }` : '';
    const real = `if (c == 0u || 2u * c == ${columns}u) { a${q}.y = 0.0; a${q}.w = 0.0; }`;
    writer.emit(`if (${guard}) { ${at} ${noSecond} ${real} }`);
  }
  writer.exchange(
    ({ component, offset }) => {
      for (const { q, guard, at } of items) {
        const [here, mirrored] =
          component === 'x'
            ? [`a${q}.x - a${q}.w`, `a${q}.x + a${q}.w`]
            : [`a${q}.y + a${q}.z`, `a${q}.z - a${q}.y`];
        writer.emit(
          `if (${guard}) { ${at} memory[${offset}at(l, c)] = ${here}; memory[${offset}at(l, mirror)] = ${mirrored}; }`,
        );
      }
    },
    (part) => writer.atEnd('near', ({ register, index }) => `${register}.${part.component} = ${numberOf(part, index)};`),
  );
}

/** The reverse: X₀ and X₁ are the Hermitian and the anti-Hermitian part of Z. */
function storeSpectrum(writer: LineWriter, layout: Layout): void {
  const items = eachItem(writer, layout);
  for (const { q } of items) writer.emit(`var here${q} = vec2f(); var there${q} = vec2f();`);
  writer.exchange(
    (part) => writer.atEnd('near', ({ register, index }) => `${numberOf(part, index)} = ${register}.${part.component};`),
    ({ component, offset }) => {
      for (const { q, guard, at } of items) {
        writer.emit(`if (${guard}) { ${at}
  here${q}.${component} = memory[${offset}at(l, c)]; there${q}.${component} = memory[${offset}at(l, mirror)]; }`);
      }
    },
  );
  for (const { q, guard, at } of items) {
    const value = `vec4f(a.x + b.x, a.y - b.y, a.y + b.y, b.x - a.x)`;
    writer.emit(`if (${guard}) { ${at} let a = here${q}; let b = there${q}; spectrum[place] = ${value}; }`);
  }
}

function numberOf({ offset }: Part, index: string): string {
  return `memory[${offset}at(line, ${index})]`;
}

/** The columns of a workgroup's lines, dealt out to its threads: neighbouring threads take the lines of one column. */
function eachItem(writer: LineWriter, { columns, stored, columnStride, pairs }: Layout) {
  const { lines } = writer.plan;
  const items = stored * lines;
  return Array.from({ length: Math.ceil(items / writer.workgroupSize) }, (_, q) => {
    const i = `(thread + ${q * writer.workgroupSize}u)`;
    const inRange = (q + 1) * writer.workgroupSize <= items ? '' : `${i} < ${items}u && `;
    return {
      q,
      guard: `${inRange}group * ${lines}u + ${i} % ${lines}u < ${pairs}u`,
      at: `let l = ${i} % ${lines}u; let c = ${i} / ${lines}u; let pair = group * ${lines}u + l;
  let mirror = select(${columns}u - c, 0u, c == 0u);
  let place = (start * ${stored}u + c) * ${columnStride / 2}u + pair;`,
    };
  });
}
