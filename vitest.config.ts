// Forked processes, because backends hold native memory and workers. The JSON report is what .ci/run counts from.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', ['json', { outputFile: 'build/vitest.json' }]],
  },
});
