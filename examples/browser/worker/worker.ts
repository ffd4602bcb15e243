/**
 * Computes beside the page, so that the page never waits. Commands are carried out one after the other; the loop that
 * iterates runs beside them, and ends before any command that steps, opens or saves.
 */
import { listBackends, type BackendName, type ErrorCode } from 'rephase';
import type { Command, Reply, State, Views } from '../protocol.js';
import type { Settings } from '../settings.js';
import { problemOf } from './problems.js';
import type { Problem, Run } from './run.js';

/** To watch an image form, no frame does more than this share of all iterations so far. */
const GROWTH = 1 / 20;
/** What iterations between two frames take, at most. */
const MILLISECONDS = { watch: 40, fast: 150 };

/** This file runs in a worker, whose types exclude those of a page. */
const scope = globalThis as unknown as {
  postMessage(reply: Reply, transfer: Transferable[]): void;
  onmessage: (event: MessageEvent<Command>) => void;
};

let run: Run | undefined;
/** That was chosen. */
let backend: Settings['backend'] = 'auto';
let newest: Command | undefined;
let views: Views = { object: 'image', spectrum: 'measured' };
let pace: Settings['pace'] = 'watch';

/** Whether the loop goes on, and its end. */
let wanted = false;
let loop: Promise<void> = Promise.resolve();
let queue: Promise<void> = Promise.resolve();

/** Resolves when the last frame is on the screen. */
let shown: Promise<void> = Promise.resolve();
let onShown = () => {};
let isShown = true;

let milliseconds = 0;
let rate = NaN;

scope.onmessage = ({ data: command }) => {
  if (command.kind === 'shown') return onShown();
  if (command.kind === 'pace') {
    pace = command.pace;
    return;
  }
  if (command.kind === 'views') {
    ({ views } = command);
    // The next frame of a run has them anyway.
    queue = queue.then(() => (wanted ? undefined : show(true))).catch(fail);
    return;
  }
  if (command.kind === 'open') newest = command;
  const goesOn = wanted && ['support', 'save'].includes(command.kind);
  wanted = false;
  queue = queue
    .then(() => loop)
    .then(() => carryOut(command))
    .then(() => (goesOn ? start() : undefined))
    .catch(fail);
};

async function carryOut(command: Exclude<Command, { kind: 'shown' | 'pace' | 'views' }>): Promise<void> {
  switch (command.kind) {
    case 'open':
      // Another one may follow.
      return command === newest ? open(command) : undefined;
    case 'pause':
      return;
    case 'resume':
      if (run && run.done >= run.iterations) run.extend();
      return start();
    case 'step':
      await attempt(() => run?.step());
      return show(true);
    case 'kernel':
      await attempt(() => run?.kernel());
      return show(false);
    case 'support':
      await attempt(() => run?.setSupport?.(command.support));
      return show(false);
    case 'save':
      return save();
  }
}

async function open(command: Extract<Command, { kind: 'open' }>): Promise<void> {
  tell('opening');
  // Backends test themselves meanwhile; a failure is told by what needs one.
  if (command.settings.backend === 'auto') listBackends().catch(() => undefined);
  // Until there is another one, the last one stays.
  const problem = await problemOf(command.source, command.settings);
  const next = await openWhereItCan(problem, command.settings);
  run?.dispose();
  run = next;
  backend = command.settings.backend;
  ({ views } = command);
  ({ pace } = command.settings);
  rate = NaN;
  milliseconds = 0;
  post(problem.opened);
  if (run.chosen) post({ kind: 'chosen', chain: run.chosen });
  await tellPlace(run);
  await show(true);
  if (command.begins) start();
  else tell('paused');
}

/** A backend that was chosen and cannot run is replaced, which the visitor is told. */
async function openWhereItCan(problem: Problem, settings: Settings): Promise<Run> {
  try {
    return await problem.open(settings);
  } catch (error) {
    const isGpu = hasCode(error, 'BACKEND_UNAVAILABLE', 'DEVICE_LOST', 'DEVICE_FAILED');
    if (settings.backend !== 'webgpu' || !isGpu) throw error;
    post({ kind: 'notice', text: `WASM computes instead: ${messageOf(error)}` });
    return problem.open({ ...settings, backend: 'wasm' });
  }
}

/** Says where it runs, and why there. */
async function tellPlace({ backend, device }: Run): Promise<void> {
  post({ kind: 'place', backend, device, why: await whyThere(backend) });
}

async function whyThere(taken: BackendName): Promise<string> {
  if (taken === backend) return 'as chosen';
  if (taken === 'webgpu') return 'the fastest that works here';
  const webgpu = (await listBackends()).find(({ name }) => name === 'webgpu');
  if (!webgpu?.available) return `no WebGPU: ${webgpu?.reason}`;
  const isEmulated = webgpu.devices.every(({ software }) => software);
  return isEmulated ? 'WebGPU is only emulated on the processor here' : 'WebGPU could not be used';
}

function start(): void {
  wanted = true;
  loop = iterate().catch(fail);
}

async function iterate(): Promise<void> {
  tell('running');
  const current = run;
  while (wanted && current && current.done < current.iterations) {
    const began = performance.now();
    const count = await attempt(() => current.run(slice(current)));
    if (count) {
      milliseconds = (performance.now() - began) / count;
      rate = 1000 / milliseconds;
    }
    if (pace === 'fast' && !isShown) continue;
    await show(false);
    if (pace === 'watch') await shown;
  }
  const finished = current !== undefined && current.done >= current.iterations;
  wanted = false;
  if (finished) await show(true);
  tell(finished ? 'finished' : 'paused');
}

/** How many iterations until the next frame. */
function slice({ done, iterations }: Run): number {
  // The first one tells how many fit.
  const fitting = milliseconds > 0 ? Math.floor(MILLISECONDS[pace] / milliseconds) : 1;
  const most = pace === 'watch' ? Math.min(fitting, Math.ceil(done * GROWTH)) : fitting;
  return Math.max(1, Math.min(most, iterations - done));
}

/** Does it, or goes on with WASM when the device is lost. */
async function attempt<T>(work: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!run || !hasCode(error, 'DEVICE_LOST', 'DEVICE_FAILED')) throw error;
    await run.moveTo('wasm');
    post({ kind: 'notice', text: `The GPU was lost, and WASM goes on from the last image: ${messageOf(error)}` });
    await tellPlace(run);
    return undefined;
  }
}

async function show(compare: boolean): Promise<void> {
  const frame = await attempt(() => run?.frame(views, rate, compare));
  if (!frame) return;
  isShown = false;
  shown = new Promise((resolve) => {
    onShown = () => {
      isShown = true;
      resolve();
    };
  });
  post(frame);
}

async function save(): Promise<void> {
  if (!run) return;
  const { encodeComplexNpy, encodeNpy } = await import('rephase/formats');
  const { image, shape, isComplex } = await run.image();
  post({ kind: 'file', name: 'image.npy', bytes: (isComplex ? encodeComplexNpy : encodeNpy)(image, shape) });
}

function tell(state: State): void {
  post({ kind: 'state', state });
}

function fail(error: unknown): void {
  wanted = false;
  post({ kind: 'failed', text: messageOf(error) });
  tell('paused');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function hasCode(error: unknown, ...codes: ErrorCode[]): boolean {
  return codes.some((code) => (error as { code?: unknown }).code === code);
}

/** Hands arrays over instead of copying them. */
function post(reply: Reply): void {
  const arrays = Object.values(reply).flatMap((value: unknown) =>
    ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : [],
  );
  if (reply.kind === 'frame' && reply.comparison) arrays.push(reply.comparison.aligned.buffer);
  scope.postMessage(reply, arrays);
}
