/** One kernel of an operation, and the buffers that it works on. */
import type { Kernel, Resource } from './wgsl/kernel.js';

/** The buffers that each batch of starts has. */
export type BatchBuffer =
  | 'spectrum'
  | 'work'
  | 'object'
  | 'iterate'
  | 'scratch'
  | 'moreScratch'
  | 'partials'
  | 'residuals'
  | 'thresholds'
  // These three are there where rules have weights.
  | 'imposed'
  | 'powers'
  | 'gains'
  // These three are there from the first `shrinkSupport` on.
  | 'ownSupport'
  | 'candidates'
  | 'blurred';

/** The buffers that all batches of a session share. */
export type SharedBuffer =
  | 'magnitudes'
  | 'support'
  | 'objectMagnitudes'
  | 'columnTable'
  | 'rowTable'
  | 'coefficients'
  | 'shrink'
  // These two are freed when the session has been created.
  | 'raw'
  | 'parameters';

export interface Step {
  /** Tells the kernel from every other of this shape. */
  key: string;
  write: () => Kernel;
  /** Which buffer stands for a resource, where it is not the one of the same name. */
  use: Partial<Record<Resource, BatchBuffer | SharedBuffer>>;
}
