/** What a kernel is to those that compile and dispatch it: its WGSL, what it binds, and over how many workgroups. */

export type Binding = 'storage' | 'read-only-storage' | 'uniform';

/** Buffers a kernel may bind, named as in its WGSL; the order of `Kernel.bindings` is that of their numbers. */
export type Resource =
  | 'spectrum'
  | 'destination'
  | 'magnitudes'
  | 'misfits'
  | 'object'
  | 'iterate'
  | 'support'
  | 'tables'
  | 'parameters'
  | 'raw'
  | 'sums';

export interface Kernel {
  /** Tells it from every other of its shape. */
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

/** The one place where a resource's type and access are decided; both shaders and bind group layouts follow it. */
export function declare(resources: readonly Resource[], types: Partial<Record<Resource, string>> = {}): string {
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
  misfits: { binding: 'storage', type: 'array<f32>' },
  object: { binding: 'storage', type: 'array<f32>' },
  iterate: { binding: 'storage', type: 'array<f32>' },
  support: { binding: 'read-only-storage', type: 'array<u32>' },
  tables: { binding: 'read-only-storage', type: 'array<vec4f>' },
  parameters: { binding: 'uniform', type: 'Parameters' },
  raw: { binding: 'read-only-storage', type: 'array<f32>' },
  sums: { binding: 'storage', type: 'array<f32>' },
};

/** maxComputeWorkgroupsPerDimension of every device; more workgroups are folded into the second dimension. */
export const MOST_WORKGROUPS = 65_535;

/** Whether workgroups of so many come out even, so that none of them reaches beyond the last. */
export function comesOutEven(count: number, each: number): boolean {
  return count % each === 0 && count / each <= MOST_WORKGROUPS;
}

/**
 * The main function around a body. In it: `thread` of the workgroup, `group` the number of the workgroup among those of
 * one start, and `start`.
 */
export function mainFunction(workgroupSize: number, body: string): string {
  return `
@compute @workgroup_size(${workgroupSize})
fn main(@builtin(local_invocation_index) thread: u32, @builtin(workgroup_id) workgroup: vec3u,
        @builtin(num_workgroups) workgroups: vec3u) {
let group = workgroup.x + workgroup.y * workgroups.x;
let start = workgroup.z;
${body}
}`;
}
