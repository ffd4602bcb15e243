/** The cuda backend: NVIDIA GPUs, in Node, through a native addon that needs the driver and nothing else. */
import type { Backend } from '../../src/backends/interface.js';
import { OutOfMemoryError } from '../../src/errors.js';
import { loadAddon, type Addon } from './addon.js';
import { CudaScanSession } from './scan-session.js';
import { CudaSession } from './session.js';

export const cudaBackend: Backend = {
  name: 'cuda',
  precisions: ['single'],
  onCallingThread: false,

  devices: async () => (await loadAddon()).devices,
  createSession: (problem, device) => made((addon) => new CudaSession(addon, problem, device)),
  createScanSession: (scan, device) => made((addon) => new CudaScanSession(addon, scan, device)),
};

async function made<Session>(make: (addon: Addon) => Session): Promise<Session> {
  const { addon } = await loadAddon();
  for (;;) {
    try {
      return make(addon);
    } catch (error) {
      // The device may still use the memory of sessions that were disposed of.
      if (!(error instanceof OutOfMemoryError) || !(await addon.freed())) throw error;
    }
  }
}
