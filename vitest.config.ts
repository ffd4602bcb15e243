// Forked processes, because backends hold native memory and workers. The JSON report is what .ci/run counts from.
import { existsSync, readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

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
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // By default one core of two would be idle.
    maxWorkers: '100%',
    // For tests of what is kept in memory.
    execArgv: ['--expose-gc'],
    env: softwareVulkan(),
    // A GPU in software compiles for seconds, and longer where other programs run.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', ['json', { outputFile: 'build/vitest.json' }]],
  },
});
