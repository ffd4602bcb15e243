/** Which cases of a matrix run: all of them, or a sample. */
import type { BackendReport } from '../../src/index.js';

/**
 * A GPU in software compiles the kernels of every new shape or rule for up to seconds, so it gets one case of each kind.
 * `npm run test:matrix` sets the variable, and gives it all of them.
 */
export const isSampled = ({ devices }: BackendReport): boolean =>
  !process.env.REPHASE_TEST_MATRIX && devices.every(({ software }) => software);
