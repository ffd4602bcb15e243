// Forked processes, because backends hold native memory and workers. The JSON report is what .ci/run counts from.
import { existsSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const LONGEST = [
  ...['docs-samples', 'webgpu-browser', 'demo-page', 'cli', 'checkpoint', 'generations', 'ptycho-cli'],
  ...['session', 'webgpu', 'webgpu-scan', 'webgpu-limits', 'complex-cli', 'webgpu-faults'],
];

/** Those that take longest begin first, so that no core waits for one of them at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.indexOf(basename(moduleId, '.test.ts'));
      return place < 0 ? LONGEST.length : place;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

/** Debian's chromium brings a Vulkan driver that computes in software: for WebGPU where there is no other. */
function softwareVulkan(): Record<string, string> {
  const driver = '/usr/lib/chromium/vk_swiftshader_icd.json';
  const chosen = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'].some((name) => process.env[name]);
  const installed = ['/etc', '/usr/share', '/usr/local/share'].some((root) => {
    const folder = `${root}/vulkan/icd.d`;
    return existsSync(folder) && readdirSync(folder).length > 0;
  });
  return chosen || installed || !existsSync(driver) ? {} : { VK_ICD_FILENAMES: driver };
}

export default defineConfig({
  // tsup puts the plotting library in their places. Tests of reports read those of the built program.
  define: { PLOT_SCRIPT: '""', PLOT_STYLE: '""' },
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // By default one core of two would be idle.
    maxWorkers: '100%',
    sequence: { sequencer: LongestFirst },
    // For tests of what is kept in memory.
    execArgv: ['--expose-gc'],
    env: softwareVulkan(),
    // A GPU in software compiles for seconds, and longer where other programs run.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', ['json', { outputFile: 'build/vitest.json' }]],
  },
});
