/** WebGPU where these tests run: Dawn in Node, or the browser's own. */
import { listBackends, type BackendReport } from '../../src/index.js';

export async function webGpuReport(): Promise<BackendReport> {
  return (await listBackends()).find(({ name }) => name === 'webgpu')!;
}

/** Empty where the webgpu backend runs. */
export async function whyNoWebGpu(): Promise<string> {
  return (await webGpuReport()).reason ?? '';
}

/** Dawn ends the process when an instance is collected before its devices. */
let gpu: GPU | undefined;

/** A device that is not the library's own, with the limits that every device has. */
export async function newDevice(): Promise<GPUDevice> {
  // Undefined in Node, whatever the types say.
  const { navigator } = globalThis as { navigator?: { gpu?: GPU } };
  gpu ??= navigator?.gpu ?? (await import('webgpu')).create([]);
  const adapter = await gpu.requestAdapter();
  return adapter!.requestDevice();
}

/** Every buffer that is made from now on fails for want of memory, or those of which `tooLarge` says it. */
export function pretendFull(gpu: GPUDevice, tooLarge = (_: GPUBufferDescriptor) => true): void {
  let made = 0;
  const scopes: { filter: GPUErrorFilter; before: number }[] = [];
  const createBuffer = gpu.createBuffer.bind(gpu);
  const [push, pop] = [gpu.pushErrorScope.bind(gpu), gpu.popErrorScope.bind(gpu)];
  gpu.createBuffer = (descriptor) => {
    made += Number(tooLarge(descriptor));
    return createBuffer(descriptor);
  };
  gpu.pushErrorScope = (filter) => {
    scopes.push({ filter, before: made });
    return push(filter);
  };
  gpu.popErrorScope = async () => {
    const { filter, before } = scopes.pop()!;
    const full = filter === 'out-of-memory' && made > before;
    return (await pop()) ?? (full ? { message: 'Something failed' } : null);
  };
}
