/** The cuda backend: NVIDIA GPUs, in Node, through a native addon that needs the driver and nothing else. */
import type { Backend } from '../../src/backend.js';
import { loadAddon } from './addon.js';
import { CudaSession } from './session.js';

export const cudaBackend: Backend = {
  name: 'cuda',
  precisions: ['single'],
  onCallingThread: false,
  devices: async () => (await loadAddon()).devices(),
  createSession: async (problem, device) => new CudaSession(await loadAddon(), problem, device),
};
