/** Which backends there are, which is chosen, and why the others are not. */
import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  BackendUnavailableError,
  InvalidArgumentError,
  createSession,
  listBackends,
  type AbortError,
} from '../src/index.js';
import { lackOfMemory } from '../backends/wasm/instance.js';
import type * as WasmBackend from '../backends/wasm/backend.js';
import type { Backend } from '../src/backends/interface.js';

const OPERATIONS = ['iterate', 'completeIteration', 'inverse', 'constrainObject', 'forward', 'constrainFourier'];
const problem = { magnitudes: Float32Array.of(1, 2, 3, 4), shape: [2, 2] } as const;

describe('listBackends', () => {
  it('lists every backend once, what can run here first, and a reason for each that cannot', async () => {
    const reports = await listBackends();
    expect(reports.map(({ name }) => name).sort()).toEqual(['cuda', 'wasm', 'webgpu']);
    const order = reports.map(({ available }) => available);
    expect(order).toEqual([...order].sort((a, b) => Number(b) - Number(a)));
    for (const { available, reason, devices } of reports) {
      expect(devices.length > 0).toBe(available);
      expect(reason === undefined).toBe(available);
    }
  });

  it('has the wasm backend wherever these tests run', async () => {
    const wasm = (await listBackends()).find(({ name }) => name === 'wasm');
    expect(wasm).toMatchObject({ available: true, devices: [{ software: false, memory: 2 ** 32 }] });
  });
});

describe('choosing', () => {
  it('never falls back from a backend that was named', async () => {
    for (const { name, available, reason } of await listBackends()) {
      if (available) continue;
      const attempt = createSession(problem, { backend: name });
      await expect(attempt).rejects.toThrow(BackendUnavailableError);
      await expect(attempt).rejects.toMatchObject({
        backend: name,
        message: expect.stringContaining(reason!) as string,
      });
    }
  });

  it('finds double precision where it is, without being told the backend', async () => {
    using session = await createSession(problem, { precision: 'double' });
    expect(session.backend).toBe('wasm');
    expect(await session.readObject()).toBeInstanceOf(Float64Array);
  });
});

// The registry keeps what it has found out, so each of these gets a fresh one around a backend of its own making.
describe('a backend that fails', () => {
  beforeEach(() => vi.resetModules());
  afterEach(() => {
    vi.doUnmock('../backends/wasm/backend.js');
    vi.doUnmock('../backends/cuda/backend.js');
    vi.doUnmock('../backends/webgpu/backend.js');
  });

  /** The registry with changes of the wasm backend, and of its copy that stands for webgpu; by default that has no device. */
  async function registryWith(changes: Partial<Backend>, changesOfWebgpu: Partial<Backend> = {}) {
    const actual = await vi.importActual<typeof WasmBackend>('../backends/wasm/backend.js');
    const wasmBackend = { ...actual.wasmBackend, ...changes };
    vi.doMock('../backends/wasm/backend.js', () => ({ wasmBackend }));
    // Whatever else this machine has is not to take its place.
    const devices = () => Promise.reject(new Error('left out of this test'));
    vi.doMock('../backends/cuda/backend.js', () => ({ cudaBackend: { ...wasmBackend, name: 'cuda', devices } }));
    const webgpuBackend = { ...wasmBackend, name: 'webgpu', devices, ...changesOfWebgpu };
    vi.doMock('../backends/webgpu/backend.js', () => ({ webgpuBackend }));
    return import('../src/index.js');
  }

  it('to find a device is unavailable for that reason', async () => {
    const rephase = await registryWith({ devices: () => Promise.reject(new Error('the driver is too old')) });
    const [first] = (await rephase.listBackends()).filter(({ name }) => name === 'wasm');
    expect(first).toEqual({ name: 'wasm', available: false, reason: 'the driver is too old', devices: [] });
    const attempt = rephase.createSession(problem);
    await expect(attempt).rejects.toThrow(/no backend is available.*cuda: .*webgpu: .*wasm: the driver is too old/);
    await expect(attempt).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE', backend: undefined });
  });

  it('its self-test is unavailable, and what it opened for that is closed', async () => {
    const dispose = vi.fn();
    const rephase = await registryWith({
      createSession: () =>
        Promise.resolve({
          ...Object.fromEntries(OPERATIONS.map((name) => [name, () => undefined])),
          finish: () => Promise.resolve(),
          readObject: () => Promise.resolve(new Float32Array(24)),
          takeResiduals: () => Promise.resolve(new Float64Array(3)),
          dispose,
        } as never),
    });
    const reports = await rephase.listBackends();
    const wasm = reports.find(({ name }) => name === 'wasm');
    expect(wasm?.reason).toMatch(/self-test gave a wrong image/);
    expect(dispose).toHaveBeenCalledTimes(1);
  });

  it('is examined once', async () => {
    const devices = vi.fn(() => Promise.reject(new Error('no')));
    const rephase = await registryWith({ devices });
    await rephase.listBackends();
    await rephase.createSession(problem).catch(() => undefined);
    expect(devices).toHaveBeenCalledTimes(1);
  });

  it('for want of memory is tried again, and says what is wanting', async () => {
    let memory = false;
    const { wasmBackend } = await vi.importActual<typeof WasmBackend>('../backends/wasm/backend.js');
    const rephase = await registryWith({
      createSession: (problem, device) =>
        memory
          ? wasmBackend.createSession(problem, device)
          : Promise.reject(new rephase.OutOfMemoryError('no room for now', NaN, NaN)),
    });
    const wasm = (await rephase.listBackends()).find(({ name }) => name === 'wasm');
    expect(wasm).toMatchObject({ available: false, reason: 'no room for now' });
    for (const backend of ['wasm', 'auto'] as const) {
      await expect(rephase.createSession(problem, { backend })).rejects.toThrow(rephase.OutOfMemoryError);
    }
    memory = true;
    (await rephase.createSession(problem)).dispose();
  });

  it('to have a precision says which it has', async () => {
    const rephase = await registryWith({ precisions: ['single'] });
    const attempt = rephase.createSession(problem, { backend: 'wasm', precision: 'double' });
    await expect(attempt).rejects.toThrow(/precision: got "double"; takes 'single' on the wasm backend/);
    await expect(attempt).rejects.toMatchObject({ name: InvalidArgumentError.name, argument: 'precision' });
    await expect(rephase.createSession(problem, { precision: 'double' })).rejects.toThrow(/wasm: no double precision/);
  });

  describe('on one of its devices', () => {
    const [bad, good] = ['bad', 'good'].map((name) => ({ name, software: false }));

    /** Sessions on the first device open and fail; `opened` tells of which were asked for. */
    async function registryWithBadDevice(devices = [bad, good]) {
      const opened: number[] = [];
      const { wasmBackend } = await vi.importActual<typeof WasmBackend>('../backends/wasm/backend.js');
      const rephase = await registryWith({
        devices: () => Promise.resolve(devices),
        createSession: (problem, device) => {
          opened.push(device);
          return devices[device] === bad ? Promise.reject(new Error('it fell')) : wasmBackend.createSession(problem, 0);
        },
      });
      return { rephase, opened };
    }

    it('lists that one with its reason, and can be used with the others', async () => {
      const { rephase } = await registryWithBadDevice();
      const wasm = (await rephase.listBackends()).find(({ name }) => name === 'wasm');
      expect(wasm).toEqual({ name: 'wasm', available: true, devices: [{ ...bad, reason: 'it fell' }, good] });
      using session = await rephase.createSession(problem);
      expect(session.device).toBe('good');
      await expect(rephase.createSession(problem, { backend: 'wasm', device: 0 })).rejects.toThrow(
        'device 0 of the wasm backend is not available: it fell',
      );
    });

    it('tries each device once, and only those that it is about to use', async () => {
      const { rephase, opened } = await registryWithBadDevice([good, bad]);
      for (let i = 0; i < 2; i++) (await rephase.createSession(problem)).dispose();
      expect(opened).toEqual([0, 0, 0]);
      await rephase.listBackends();
      await rephase.listBackends();
      expect(opened).toEqual([0, 0, 0, 1]);
    });

    it('tries another device that has come in the place of one', async () => {
      const devices = [good];
      const { rephase, opened } = await registryWithBadDevice(devices);
      (await rephase.createSession(problem)).dispose();
      devices[0] = bad;
      await expect(rephase.createSession(problem)).rejects.toThrow('it fell');
      expect(opened).toEqual([0, 0, 0]);
    });

    it('on all of them is unavailable, with the reasons', async () => {
      const { rephase } = await registryWithBadDevice([bad, bad]);
      const wasm = (await rephase.listBackends()).find(({ name }) => name === 'wasm');
      expect(wasm).toMatchObject({ available: false, reason: 'device 0: it fell; device 1: it fell', devices: [] });
    });
  });

  describe("with device: 'all'", () => {
    const devices = [
      ...[
        { name: 'H100', software: false },
        { name: 'A100', software: false, reason: 'it fell' },
      ],
      ...[
        { name: 'emulated', software: true },
        { name: 'H100', software: false },
      ],
    ];
    const options = { backend: 'webgpu', device: 'all', algorithm: 'hio', iterations: 20, inspect: false } as const;

    /** The sessions that were opened after the self-tests: on which device, for how many starts, and whether still there. */
    async function registryWithDevices(failing = -1) {
      const opened: { device: number; starts: number; isOpen: boolean }[] = [];
      const { wasmBackend } = await vi.importActual<typeof WasmBackend>('../backends/wasm/backend.js');
      const changes: Partial<Backend> = {
        devices: () => Promise.resolve(devices),
        workerScript: undefined,
        createSession: async (problem, device) => {
          const session = await wasmBackend.createSession(problem, 0);
          const entry = { device, starts: problem.batch.starts, isOpen: true };
          opened.push(entry);
          const dispose = session.dispose.bind(session);
          session.dispose = () => {
            entry.isOpen = false;
            dispose();
          };
          const isTest = opened.filter((other) => other.device === device).length === 1;
          if (device === failing && !isTest) session.finish = () => Promise.reject(new Error('it fell off the bus'));
          return session;
        },
      };
      const rephase = await registryWith({}, changes);
      await rephase.listBackends();
      return { rephase, opened };
    }

    it('divides the starts among the hardware that works, with the result of one device', async () => {
      const { rephase, opened } = await registryWithDevices();
      const one = await rephase.retrieve(problem, { ...options, device: 0, starts: 5 });
      opened.length = 0;
      const progress = vi.fn();
      const result = await rephase.retrieve(problem, { ...options, starts: 5, onProgress: progress });
      expect(opened.map(({ device, starts }) => [device, starts])).toEqual([
        [0, 2],
        [3, 3],
      ]);
      expect(result).toEqual({ ...one, device: 'H100 (2)', seconds: result.seconds });
      expect(progress).toHaveBeenLastCalledWith(expect.objectContaining({ iteration: 20, iterations: 20 }));
    });

    it('leaves devices out where there are fewer starts', async () => {
      const { rephase, opened } = await registryWithDevices();
      opened.length = 0;
      await rephase.retrieve(problem, { ...options, starts: 1 });
      expect(opened.map(({ device, starts }) => [device, starts])).toEqual([[0, 1]]);
    });

    it('stops on all of them when it is aborted, and has what was reached', async () => {
      const { rephase, opened } = await registryWithDevices();
      const controller = new AbortController();
      const attempt = rephase.retrieve(problem, {
        ...{ ...options, iterations: 1e9, starts: 4, signal: controller.signal },
        onProgress: () => controller.abort(),
      });
      const error = await attempt.catch((error: unknown) => error);
      expect(error).toBeInstanceOf(rephase.AbortError);
      expect((error as AbortError).partial!.residuals).toHaveLength(4);
      expect(opened.filter(({ isOpen }) => isOpen)).toEqual([]);
    });

    it('fails with the first device that fails, and frees the others', async () => {
      const { rephase, opened } = await registryWithDevices(3);
      const attempt = rephase.retrieve(problem, { ...options, iterations: 1e9, starts: 4 });
      await expect(attempt).rejects.toThrow('it fell off the bus');
      expect(opened.filter(({ isOpen }) => isOpen)).toEqual([]);
    });
  });

  it('to be more than an emulation is still better than none', async () => {
    const rephase = await registryWith({ devices: () => Promise.resolve([{ name: 'emulated', software: true }]) });
    using session = await rephase.createSession(problem);
    expect(session.device).toBe('emulated');
  });

  it('to be more than an emulation is listed behind the processor itself, and not even tested where that works', async () => {
    const devices = () => Promise.resolve([{ name: 'emulated', software: true }]);
    const { wasmBackend } = await vi.importActual<typeof WasmBackend>('../backends/wasm/backend.js');
    const createSession = vi.fn<Backend['createSession']>((...given) => wasmBackend.createSession(...given));
    const rephase = await registryWith({}, { devices, createSession });
    using session = await rephase.createSession(problem);
    expect(session.backend).toBe('wasm');
    expect(createSession).not.toHaveBeenCalled();
    const reports = await rephase.listBackends();
    expect(reports.map(({ name }) => name)).toEqual(['wasm', 'webgpu', 'cuda']);
    expect(createSession).toHaveBeenCalledTimes(1);
  });
});

describe('address space for WebAssembly', () => {
  it('that is wanting is no lack of WebAssembly, and the message says the way out', async () => {
    const reserve = vi.spyOn(WebAssembly, 'instantiate');
    reserve.mockRejectedValueOnce(new RangeError('WebAssembly.instantiate(): Out of memory'));
    const attempt = createSession(problem, { backend: 'wasm' });
    await expect(attempt).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    await expect(attempt).rejects.toThrow(/ulimit -v.*--disable-wasm-trap-handler/);
    (await createSession(problem, { backend: 'wasm' })).dispose();
    reserve.mockRestore();
    expect(lackOfMemory(new Error('something else'))).toBeUndefined();
  });

  it('is wanting under ulimit -v, and there is enough without trap handlers', () => {
    const program = `import('${new URL('../dist/index.js', import.meta.url).href}').then(async ({ retrieve }) => {
      const { iterations } = await retrieve({ magnitudes: Float32Array.of(1, 2, 3, 4), shape: [2, 2] }, { backend: 'wasm', iterations: 3 });
      console.log(iterations);
    }).catch((error) => console.log(error.code, error.message))`;
    const under = (flag: string) =>
      spawnSync('sh', ['-c', `ulimit -v 8000000; exec "$0" ${flag} -e "$1"`, process.execPath, program], {
        encoding: 'utf8',
      });
    expect(under('').stdout).toMatch(/^OUT_OF_MEMORY .*--disable-wasm-trap-handler/);
    expect(under('--disable-wasm-trap-handler').stdout).toBe('3\n');
  });
});
