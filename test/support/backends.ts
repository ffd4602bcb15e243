/** Runs one specification on every backend that there is; for those that cannot run here the report says why. */
import { describe, it } from 'vitest';
import { listBackends, type BackendName, type Precision } from '../../src/index.js';
import { isSampled } from './sampling.js';

export interface Subject {
  backend: BackendName;
  precision: Precision;
  /** Relative ℓ2 error that rounding may cause over a few iterations of a small image. */
  tolerance: number;
  /** Of matrices only a sample runs, because it is a GPU in software. */
  isSampled: boolean;
}

const reports = await listBackends();

/** Both precisions where the backend has them. */
export function onEveryBackend(title: string, specification: (subject: Subject) => void): void {
  for (const report of reports) {
    const { name: backend, available, reason } = report;
    if (!available) {
      it.skip(`${title} on ${backend} (${reason})`, () => undefined);
      continue;
    }
    const precisions = backend === 'wasm' ? [SINGLE, DOUBLE] : [SINGLE];
    for (const precision of precisions) {
      describe(`${title} on ${backend}, ${precision.precision} precision`, () => {
        specification({ backend, isSampled: isSampled(report), ...precision });
      });
    }
  }
}

// Feedback rules amplify rounding, which is 6e-8 and 1e-16, by up to ten times an iteration.
const SINGLE = { precision: 'single', tolerance: 2e-4 } as const;
const DOUBLE = { precision: 'double', tolerance: 1e-10 } as const;
