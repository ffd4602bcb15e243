/** The two places where WebGPU can be tried: Dawn in Node and headless Chromium. */
import { existsSync } from 'node:fs';
import { listBackends } from '../../src/index.js';

export const CHROMIUM = '/usr/bin/chromium';

/** Empty where the webgpu backend runs in Node. */
export async function whyNoDawn(): Promise<string> {
  const report = (await listBackends()).find(({ name }) => name === 'webgpu');
  return report?.reason ?? '';
}

/** Empty where there is a browser to run. */
export function whyNoBrowser(): string {
  return existsSync(CHROMIUM) ? '' : `there is no ${CHROMIUM}`;
}

/** Dawn ends the process when an instance is collected before its devices. */
let instance: GPU | undefined;

/** A device that is not the library's own, with the limits that every device has. */
export async function dawnDevice(): Promise<GPUDevice> {
  const { create } = await import('webgpu');
  instance ??= create([]);
  const adapter = await instance.requestAdapter();
  return adapter!.requestDevice();
}
