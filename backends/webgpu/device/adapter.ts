/**
 * Requests a GPU: from `navigator.gpu` in windows and workers, in Node from the optional package `webgpu` (Dawn), which is
 * imported at the first request and never put into global variables. Explains why there is none.
 */
import { BackendUnavailableError } from '../../../src/errors.js';

/**
 * Robustness checks every access to an array, and workgroup memory is zeroed before each workgroup. Both cost time, and
 * kernels here do not need them: they check and write for themselves. Browsers, rightly, don't offer the choice.
 */
const DAWN_OPTIONS = ['enable-dawn-features=disable_robustness,disable_workgroup_init'];

/** Kept, because Dawn's objects must outlive everything that was made with them. */
let dawn: Promise<GPU> | undefined;

/** Rejects with a `BackendUnavailableError`. */
export async function requestAdapter(): Promise<GPUAdapter> {
  const gpu = await findGpu();
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw unavailable('WebGPU has no adapter: it found no driver that it supports');
  if (isNull(adapter.info)) {
    throw unavailable('the only adapter is the null one, which computes nothing');
  }
  return adapter;
}

export function isNull(info: GPUAdapterInfo | undefined): boolean {
  return info !== undefined && /null/i.test(`${info.vendor} ${info.device}`);
}

/** Whether the adapter is emulated on the CPU: as it says itself, otherwise judged by its name. */
export function isSoftware(info: GPUAdapterInfo | undefined): boolean {
  if (!info) return false;
  const name = [info.vendor, info.architecture, info.device, info.description].join(' ');
  return info.isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|basic render|\bwarp\b/i.test(name);
}

async function findGpu(): Promise<GPU> {
  // Undefined in older browsers and in Node, whatever the types say.
  const { navigator, process, isSecureContext } = globalThis as {
    navigator?: { gpu?: GPU };
    process?: NodeJS.Process;
    isSecureContext?: boolean;
  };
  if (navigator?.gpu) return navigator.gpu;
  if (process?.versions?.node) return (dawn ??= importDawn(process));
  if (isSecureContext === false) throw unavailable('browsers offer WebGPU to secure pages (https or localhost) only');
  throw unavailable('this browser does not offer WebGPU');
}

async function importDawn(process: NodeJS.Process): Promise<GPU> {
  // A variable keeps bundlers from looking for a package that is optional and for Node only.
  const name = 'webgpu';
  let module: { create(options: string[]): GPU };
  try {
    module = (await import(/* @vite-ignore */ /* webpackIgnore: true */ name)) as typeof module;
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND';
    const why = missing ? 'is not installed (npm install webgpu)' : `cannot be loaded: ${(error as Error).message}`;
    throw unavailable(`the optional package webgpu ${why}`, error);
  }
  // Without this check Dawn prints to standard error.
  if (process.platform === 'linux' && !hasVulkanDriver(process)) {
    throw unavailable('no Vulkan driver is installed: none of the usual folders describes one');
  }
  return module.create(DAWN_OPTIONS);
}

/** Whether the Vulkan loader would find any driver, by its documented search path. */
function hasVulkanDriver(process: NodeJS.Process): boolean {
  const { env } = process;
  if (env.VK_DRIVER_FILES || env.VK_ICD_FILENAMES || env.VK_ADD_DRIVER_FILES) return true;
  const home = env.HOME ?? '';
  const roots = [
    env.XDG_CONFIG_HOME || `${home}/.config`,
    ...(env.XDG_CONFIG_DIRS || '/etc/xdg').split(':'),
    '/etc',
    '/usr/local/etc',
    env.XDG_DATA_HOME || `${home}/.local/share`,
    ...(env.XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
  ];
  const { readdirSync } = process.getBuiltinModule('node:fs');
  return roots.some((root) => {
    try {
      return readdirSync(`${root}/vulkan/icd.d`).some((file) => file.endsWith('.json'));
    } catch {
      return false;
    }
  });
}

function unavailable(message: string, cause?: unknown): BackendUnavailableError {
  return new BackendUnavailableError(message, 'webgpu', cause === undefined ? {} : { cause });
}
