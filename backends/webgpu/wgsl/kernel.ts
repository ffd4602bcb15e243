/** A kernel as those see it that compile and dispatch it: its WGSL, what it binds, and over how many workgroups it runs. */

export type Binding = 'storage' | 'read-only-storage' | 'uniform';

/** Buffers a kernel may bind, named as in its WGSL; the order of `Kernel.bindings` is that of their numbers. */
export type Resource =
  | 'spectrum'
  | 'destination'
  | 'magnitudes'
  | 'partials'
  | 'object'
  | 'iterate'
  | 'next'
  | 'support'
  | 'tables'
  | 'coefficients'
  | 'parameters'
  | 'raw'
  | 'residuals';

export interface Kernel {
  /** For WebGPU's messages. */
  name: string;
  code: string;
  bindings: Resource[];
  /** Workgroups for one start. */
  workgroups: number;
}

interface Declaration {
  binding: Binding;
  type: string;
}

export interface KernelText extends Omit<Kernel, 'code'> {
  /** Types of resources that differ from those in `DECLARATIONS`. */
  types?: Partial<Record<Resource, string>>;
  /** Functions, types and variables at module scope. */
  declarations?: string;
  /** Threads of a workgroup. */
  threads: number;
  /**
   * Statements of the main function. They may use `thread`, the index in the workgroup, `group`, the index of the workgroup
   * among those of one start, and `start`.
   */
  body: string;
}

export function makeKernel({
  name,
  bindings,
  workgroups,
  types,
  declarations = '',
  threads,
  body,
}: KernelText): Kernel {
  const code = `
${declare(bindings, types)}
${declarations}
@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u,
        @builtin(num_workgroups) workgroups: vec3u) {
let group = workgroup.x + workgroup.y * workgroups.x;
let start = workgroup.z;
${body}
}`;
  return { name, code, bindings, workgroups };
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

/** Declares the resources in WGSL. Their types and accesses are in `DECLARATIONS`, which bind group layouts follow too. */
function declare(resources: readonly Resource[], types: KernelText['types'] = {}): string {
  return resources
    .map((name, i) => {
      const { binding, type } = DECLARATIONS[name];
      const space = { storage: 'storage, read_write', 'read-only-storage': 'storage, read', uniform: 'uniform' }[
        binding
      ];
      return `@group(0) @binding(${i}) var<${space}> ${name}: ${types[name] ?? type};`;
    })
    .join('\n');
}

export function bindingOf(resource: Resource): Binding {
  return DECLARATIONS[resource].binding;
}

const DECLARATIONS: Record<Resource, Declaration> = {
  spectrum: { binding: 'storage', type: 'array<vec2f>' },
  destination: { binding: 'storage', type: 'array<vec2f>' },
  magnitudes: { binding: 'read-only-storage', type: 'array<u32>' },
  partials: { binding: 'storage', type: 'array<f32>' },
  object: { binding: 'storage', type: 'array<f32>' },
  iterate: { binding: 'storage', type: 'array<f32>' },
  next: { binding: 'storage', type: 'array<f32>' },
  support: { binding: 'read-only-storage', type: 'array<u32>' },
  tables: { binding: 'read-only-storage', type: 'array<vec4f>' },
  coefficients: { binding: 'uniform', type: 'array<vec4f, 4>' },
  parameters: { binding: 'uniform', type: 'Parameters' },
  raw: { binding: 'read-only-storage', type: 'array<f32>' },
  residuals: { binding: 'storage', type: 'array<f32>' },
};

/** maxComputeWorkgroupsPerDimension of every device. More workgroups are folded into the second dimension. */
export const MOST_WORKGROUPS = 65_535;

/** Whether `count` items fill all workgroups of `each`, so that no thread is beyond the last item. */
export function comesOutEven(count: number, each: number): boolean {
  return count % each === 0 && count / each <= MOST_WORKGROUPS;
}

/** Leaves the sum of `value` over a workgroup of a power of two threads in memory[0], added up in fixed order. */
export function sumOverWorkgroup(threads: number, value: string): string {
  return `
memory[thread] = ${value};
for (var half = ${threads / 2}u; half > 0u; half /= 2u) {
  workgroupBarrier();
  if (thread < half) { memory[thread] += memory[thread + half]; }
}`;
}
