/** Compiles a kernel. */
import { bindingOf, type Kernel } from '../wgsl/kernel.js';

export interface CompiledKernel extends Pick<Kernel, 'bindings' | 'workgroups'> {
  pipeline: GPUComputePipeline;
}

/** GPUShaderStage.COMPUTE, which Node does not have as a global. */
const COMPUTE = 4;

/** `label` is for WebGPU's messages. */
export async function compile(gpu: GPUDevice, label: string, kernel: Kernel): Promise<CompiledKernel> {
  const { bindings, workgroups } = kernel;
  return { bindings, workgroups, pipeline: await gpu.createComputePipelineAsync(describe(gpu, label, kernel)) };
}

export function compileNow(gpu: GPUDevice, label: string, kernel: Kernel): CompiledKernel {
  const { bindings, workgroups } = kernel;
  return { bindings, workgroups, pipeline: gpu.createComputePipeline(describe(gpu, label, kernel)) };
}

function describe(gpu: GPUDevice, label: string, kernel: Kernel): GPUComputePipelineDescriptor {
  const { code, bindings } = kernel;
  const entries = bindings.map((resource, binding) => {
    const type = bindingOf(kernel, resource);
    const buffer = type === 'dynamic-uniform' ? { type: 'uniform' as const, hasDynamicOffset: true } : { type };
    return { binding, visibility: COMPUTE, buffer };
  });
  const bindGroupLayouts = [gpu.createBindGroupLayout({ entries })];
  return {
    label,
    layout: gpu.createPipelineLayout({ bindGroupLayouts }),
    compute: { module: gpu.createShaderModule({ label, code }), entryPoint: 'main' },
  };
}
