/**
 * The threshold that the k largest positive pixels, or sizes of complex pixels, inside the support are above, as core/support_size.hpp finds it: the
 * threshold of the last image is corrected until k ± k/200 pixels are above it.
 */
import { literal } from '../wgsl/butterflies.js';
import { makeKernel, type Kernel, type Resource } from '../wgsl/kernel.js';
import { farEnd, type Factors } from '../wgsl/plan.js';
import { SUPPORT_SIZE, type RuleForm } from '../wgsl/rule.js';
import type { SupportKind } from '../wgsl/work.js';
import { supportRow, type Field } from './field.js';

export interface ThresholdWork {
  rule: RuleForm;
  support: SupportKind | undefined;
  /** Exactly k pixels; the next image does not begin with this threshold. */
  exact: boolean;
}

/** Threads that share a start. All counts of a start are in one workgroup, because each decides the next threshold. */
const THREADS = 256;

export function thresholdKernel(field: Field, factors: Factors, work: ThresholdWork): Kernel {
  const { rows, columns, kind } = field;
  const { rule, support, exact } = work;
  const pixels = rows * columns;
  const [hasX, hasY] = [rule.factors[0] !== '', rule.factors[1] !== ''];
  const bindings: Resource[] = ['thresholds', 'coefficients'];
  if (hasX) bindings.push('iterate');
  if (hasY) bindings.push('object');
  if (support) bindings.push('support');
  const body = `
let size = ${SUPPORT_SIZE};
let accepted = ${exact ? '0.0' : 'floor(size / 200.0)'};
let first = start * ${pixels}u;
if (thread == 0u) { guess = thresholds[start].x; atomicStore(&sum, 0u); }
var low = 0.0;
var high = LARGEST;
var threshold = workgroupUniformLoad(&guess);
// The order of a pixel's size, since the largest magnitude is near 1.
if (threshold == 0.0) { threshold = ${literal(1 / pixels)}; }
for (var round = 0u; ; round += 1u) {
  var count = 0u;
  for (var i = thread; i < ${pixels}u; i += ${THREADS}u) {
    ${hasX ? 'let x = iterate[first + i];' : ''}
    ${hasY ? 'let y = object[first + i];' : ''}
    count += select(0u, 1u, ${kind.testedSize(rule)} > threshold${support ? ` && ${insideSupport(field, factors, support)}` : ''});
  }
  atomicAdd(&sum, count);
  workgroupBarrier();
  if (thread == 0u) { total = atomicExchange(&sum, 0u); }
  let excess = f32(workgroupUniformLoad(&total)) - size;
  if (abs(excess) <= accepted || (threshold == 0.0 && excess < 0.0)) { break; }
  if (excess > 0.0) { low = threshold; } else { high = threshold; }
  // After so many corrections the distribution is an odd one, and halving the bracket is safer.
  let corrects = round < 8u;
  var next = threshold * select(2.0, 1.0 + 0.7 * excess / size, corrects);
  if (!(next > low && next < high) || (!corrects && high < LARGEST)) { next = low + 0.5 * (high - low); }
  // Twice too few: it may be that no threshold lets k through.
  if (round == 1u && low == 0.0) { next = 0.0; }
  // Several pixels equal the largest one that is left out.
  else if (!(next > low && next < high)) { threshold = high; break; }
  threshold = next;
}
if (thread == 0u) {
  ${exact ? '' : 'if (threshold > 0.0) { thresholds[start].x = threshold; }'}
  thresholds[start].y = threshold;
}`;
  const declarations = `
${kind.ruleFunctions(rule)}
const LARGEST = 0x1.fffffep+127f;
var<workgroup> sum: atomic<u32>;
var<workgroup> total: u32;
var<workgroup> guess: f32;`;
  return makeKernel({ bindings, types: kind.types, declarations, threads: THREADS, body, workgroups: 1 });
}

/** Whether pixel `i` of a start is inside the support. */
function insideSupport(field: Field, factors: Factors, support: SupportKind): string {
  const { count } = farEnd(factors);
  const [row, column] = [`(i / ${field.columns}u)`, `(i % ${field.columns}u)`];
  const word = `support[${supportRow(field, factors, support, `${row} / 2u`)} + ${column} % ${count}u]`;
  return `((${word} >> (${column} / ${count}u + 16u * (${row} % 2u))) & 1u) == 1u`;
}
