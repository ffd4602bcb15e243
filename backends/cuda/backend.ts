/** The cuda backend: NVIDIA GPUs, in Node, through a native addon that needs the driver and nothing else. */
import type { Backend, BackendProblem } from '../../src/backends/interface.js';
import { OutOfMemoryError } from '../../src/errors.js';
import { loadAddon } from './addon.js';
import { CudaSession } from './session.js';

export const cudaBackend: Backend = {
  name: 'cuda',
  precisions: ['single'],
  onCallingThread: false,
  devices: async () => (await loadAddon()).devices,
  createSession,
};

async function createSession(problem: BackendProblem, device: number): Promise<CudaSession> {
  const { addon } = await loadAddon();
  for (;;) {
    try {
      return new CudaSession(addon, problem, device);
    } catch (error) {
      // The device may still use the memory of sessions that were disposed of.
      if (!(error instanceof OutOfMemoryError) || !(await addon.freed())) throw error;
    }
  }
}
