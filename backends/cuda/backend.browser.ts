/** Stands in for backend.ts in browsers. */
import type { Backend } from '../../src/backends/interface.js';
import { BackendUnavailableError } from '../../src/errors.js';

const needsNode = () => Promise.reject(new BackendUnavailableError('it runs in Node only', 'cuda'));

export const cudaBackend: Backend = {
  name: 'cuda',
  precisions: ['single'],
  onCallingThread: false,
  devices: needsNode,
  createSession: needsNode,
  createScanSession: needsNode,
};
