/** A kernel as those see it that compile and dispatch it: its WGSL, what it binds, and over how many workgroups it runs. */

type Binding = 'storage' | 'read-only-storage' | 'uniform' | 'dynamic-uniform';

/** The buffers that a kernel may bind, named as in its WGSL. Bind group layouts follow these too. */
export const RESOURCES = {
  spectrum: { binding: 'storage', type: 'array<vec2f>' },
  destination: { binding: 'storage', type: 'array<vec2f>' },
  magnitudes: { binding: 'read-only-storage', type: 'array<u32>' },
  partials: { binding: 'storage', type: 'array<f32>' },
  records: { binding: 'read-only-storage', type: 'array<f32>' },
  object: { binding: 'storage', type: 'array<f32>' },
  iterate: { binding: 'storage', type: 'array<f32>' },
  next: { binding: 'storage', type: 'array<f32>' },
  support: { binding: 'read-only-storage', type: 'array<u32>' },
  /** The size of each pixel of a complex object; all starts share them. */
  objectMagnitudes: { binding: 'read-only-storage', type: 'array<f32>' },
  /** What was imposed last, as large as `magnitudes` for each start: see weights.ts. */
  imposed: { binding: 'storage', type: 'array<vec2f>' },
  /** For each start and column the square of the norm of `imposed`. */
  powers: { binding: 'storage', type: 'array<f32>' },
  /** For each start what brings `imposed` to the norm of the magnitudes, and the square of that. */
  gains: { binding: 'storage', type: 'array<vec2f>' },
  tables: { binding: 'read-only-storage', type: 'array<vec4f>' },
  coefficients: { binding: 'uniform', type: 'array<vec4f, 7>' },
  /** For each start the last threshold of a support size, and the threshold that the next kernel takes. */
  thresholds: { binding: 'storage', type: 'array<vec2f>' },
  blurred: { binding: 'storage', type: 'array<f32>' },
  candidates: { binding: 'storage', type: 'array<u32>' },
  shrink: { binding: 'uniform', type: 'Shrink' },
  parameters: { binding: 'uniform', type: 'Parameters' },
  raw: { binding: 'read-only-storage', type: 'array<f32>' },
  residuals: { binding: 'storage', type: 'array<f32>' },
  // Those of scans, which scan/field.ts describes.
  probe: { binding: 'storage', type: 'array<vec2f>' },
  waves: { binding: 'storage', type: 'array<vec2f>' },
  kept: { binding: 'storage', type: 'array<vec2f>' },
  back: { binding: 'storage', type: 'array<vec2f>' },
  objectSum: { binding: 'storage', type: 'array<vec2f>' },
  probeSum: { binding: 'storage', type: 'array<vec2f>' },
  objectWeight: { binding: 'storage', type: 'array<f32>' },
  probeWeight: { binding: 'storage', type: 'array<f32>' },
  maxima: { binding: 'storage', type: 'array<f32>' },
  largest: { binding: 'storage', type: 'array<f32>' },
  fits: { binding: 'storage', type: 'array<f32>' },
  steps: { binding: 'storage', type: 'array<f32>' },
  positions: { binding: 'storage', type: 'array<Position>' },
  moves: { binding: 'storage', type: 'array<vec2f>' },
  order: { binding: 'read-only-storage', type: 'array<u32>' },
  rule: { binding: 'uniform', type: 'array<vec4f, 2>' },
  /** Which part of it is bound is said with each dispatch. */
  batch: { binding: 'dynamic-uniform', type: 'vec2u' },
} satisfies Record<string, { binding: Binding; type: string }>;

export type Resource = keyof typeof RESOURCES;

export interface Kernel {
  code: string;
  /** In the order of their numbers. */
  bindings: Resource[];
  /** Which of them the kernel only reads, though others write them: dispatches that share only these may overlap. */
  readOnly?: readonly Resource[];
  /** Workgroups for one start, or one wave of a scan. */
  workgroups: number;
}

/** How a kernel binds a resource. */
export function bindingOf({ readOnly }: Pick<Kernel, 'readOnly'>, resource: Resource): Binding {
  return readOnly?.includes(resource) ? 'read-only-storage' : RESOURCES[resource].binding;
}

export interface KernelText extends Omit<Kernel, 'code'> {
  /** Types of resources that differ from those in `RESOURCES`. */
  types?: Partial<Record<Resource, string>>;
  /** Functions, types and variables at module scope. */
  declarations?: string;
  /** Threads of a workgroup. */
  threads: number;
  /**
   * Statements of the main function. They may use `thread`, the index in the workgroup, `group`, the index of the workgroup
   * among those of one start, and `start`, or what stands for it in scans.
   */
  body: string;
}

export function makeKernel(text: KernelText): Kernel {
  const { bindings, readOnly, workgroups, declarations = '', threads, body } = text;
  const code = `
${declare(text)}
${declarations}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u,
        @builtin(num_workgroups) workgroups: vec3u) {
let group = workgroup.x + workgroup.y * workgroups.x;
let start = workgroup.z;
${body}
}`;
  return { code, bindings, ...(readOnly && { readOnly }), workgroups };
}

const ITEM_THREADS = 64;

/** A kernel with a thread for each of `items` numbers of a start; its body may use `i`, the index of the number. */
export function makeItemKernel({
  items,
  body,
  ...text
}: Omit<KernelText, 'threads' | 'workgroups'> & { items: number }) {
  return makeKernel({
    ...text,
    threads: ITEM_THREADS,
    workgroups: Math.ceil(items / ITEM_THREADS),
    body: `
let i = group * ${ITEM_THREADS}u + thread;
if (i >= ${items}u) { return; }
${body}`,
  });
}

/** Declares the resources in WGSL. */
function declare({ types = {}, ...kernel }: Pick<KernelText, 'bindings' | 'readOnly' | 'types'>): string {
  return kernel.bindings
    .map((name, i) => {
      const space = SPACES[bindingOf(kernel, name)];
      return `@group(0) @binding(${i}) var<${space}> ${name}: ${types[name] ?? RESOURCES[name].type};`;
    })
    .join('\n');
}

const SPACES: Record<Binding, string> = {
  storage: 'storage, read_write',
  'read-only-storage': 'storage, read',
  uniform: 'uniform',
  'dynamic-uniform': 'uniform',
};

/** maxComputeWorkgroupsPerDimension of every device. More workgroups are folded into the second dimension. */
export const MOST_WORKGROUPS = 65_535;

/** Whether `count` items fill all workgroups of `each`, so that no thread is beyond the last item. */
export function comesOutEven(count: number, each: number): boolean {
  return count % each === 0 && count / each <= MOST_WORKGROUPS;
}

/**
 * Sums `value` over every `threads` threads of a workgroup in fixed order and has the first of them run `use`, with the sum
 * as `sum`. `t` is the thread among these. Goes through `memory`, which nobody may be reading.
 */
export function sumOverThreads(threads: number, t: string, value: string, use: string): string {
  const lanes = Math.min(threads, 16);
  const statements = [`memory[thread] = ${value};`, 'workgroupBarrier();'];
  if (threads > lanes) {
    const terms = Array.from({ length: Math.ceil(threads / lanes) }, (_, i) => {
      const guard = (i + 1) * lanes > threads ? `if (${t} < ${threads - i * lanes}u)` : '';
      return `${guard} { sum += memory[thread + ${i * lanes}u]; }`;
    });
    const sum = `var sum = 0.0; ${terms.join(' ')} memory[thread] = sum;`;
    statements.push(`if (${t} < ${lanes}u) { ${sum} }`, 'workgroupBarrier();');
  }
  const terms = Array.from({ length: lanes }, (_, i) => `memory[thread + ${i}u]`);
  statements.push(`if (${t} == 0u) { let sum = ${terms.join(' + ')}; ${use} }`);
  return statements.join('\n');
}

/** The same for the largest value of all threads of a workgroup, as `most`. `threads` is a power of two. */
export function largestOverThreads(threads: number, value: string, use: string): string {
  return `memory[thread] = ${value};
for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
  workgroupBarrier();
  if (thread < half) { memory[thread] = max(memory[thread], memory[thread + half]); }
}
if (thread == 0u) { let most = memory[0]; ${use} }`;
}
