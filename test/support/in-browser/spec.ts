/** The part of the tests that browsers run: what sessions promise on every backend. */
import '../../session.test.js';
import '../../vectors.test.js';
import '../../random.test.js';
import '../../lifetime.test.js';
import '../../webgpu-faults.test.js';

export { names, run } from './vitest.js';
