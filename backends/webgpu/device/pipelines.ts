/** Compiles each kernel once for a device: asynchronously for callers that wait, at once for those that cannot. */
import { bindingOf, type Kernel, type Resource } from '../wgsl/kernel.js';
import { LruCache } from './lru-cache.js';

export interface CompiledKernel {
  pipeline: GPUComputePipeline;
  layout: GPUBindGroupLayout;
  bindings: readonly Resource[];
  workgroups: number;
}

/** GPUShaderStage.COMPUTE, which Node does not have as a global. */
const COMPUTE = 4;
/** An image has about ten kernels. */
const MOST_KEPT = 512;

export class Pipelines {
  readonly #gpu: GPUDevice;
  readonly #compiled = new LruCache<CompiledKernel>(MOST_KEPT);
  readonly #compiling = new Map<string, Promise<CompiledKernel>>();
  readonly #layouts = new Map<string, GPUBindGroupLayout>();

  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
  }

  /** `key` tells the kernel from all others on this device. `write` is called only for a new one. */
  async compile(key: string, write: () => Kernel): Promise<CompiledKernel> {
    const known = this.#compiled.get(key) ?? this.#compiling.get(key);
    if (known) return known;
    const { kernel, descriptor } = this.#describe(write());
    const compiling = this.#gpu
      .createComputePipelineAsync(descriptor)
      .then((pipeline) => this.#keep(key, { ...kernel, pipeline }))
      .finally(() => this.#compiling.delete(key));
    this.#compiling.set(key, compiling);
    return compiling;
  }

  compileNow(key: string, write: () => Kernel): CompiledKernel {
    const known = this.#compiled.get(key);
    if (known) return known;
    const { kernel, descriptor } = this.#describe(write());
    return this.#keep(key, { ...kernel, pipeline: this.#gpu.createComputePipeline(descriptor) });
  }

  forget(key: string): void {
    this.#compiled.delete(key);
  }

  #describe({ name, code, bindings, workgroups }: Kernel) {
    const layout = this.#layoutOf(bindings);
    const module = this.#gpu.createShaderModule({ label: name, code });
    const descriptor: GPUComputePipelineDescriptor = {
      label: name,
      layout: this.#gpu.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module, entryPoint: 'main' },
    };
    return { kernel: { layout, bindings, workgroups }, descriptor };
  }

  #layoutOf(bindings: readonly Resource[]): GPUBindGroupLayout {
    const key = bindings.map(bindingOf).join(' ');
    let layout = this.#layouts.get(key);
    if (!layout) {
      const describe = (name: Resource, binding: number) => {
        return { binding, visibility: COMPUTE, buffer: { type: bindingOf(name) } };
      };
      layout = this.#gpu.createBindGroupLayout({ entries: bindings.map(describe) });
      this.#layouts.set(key, layout);
    }
    return layout;
  }

  #keep(key: string, compiled: CompiledKernel): CompiledKernel {
    this.#compiled.set(key, compiled, 1);
    return compiled;
  }
}
