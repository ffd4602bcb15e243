/**
 * Computes beside the page, so that the page never waits. Commands are carried out one after the other; the loop that
 * iterates runs beside them, and ends before any command that steps, opens or saves.
 */
import { listBackends, type BackendName, type BackendReport, type ErrorCode } from 'rephase';
import type { Command, Reply, State, Views } from '../protocol.js';
import type { Settings } from '../settings.js';
import { problemOf } from './problems.js';
import type { Backend, Problem, Run } from './run.js';

/** To watch an image form, no frame does more than this share of all iterations so far. */
const GROWTH = 1 / 20;
/** What iterations between two frames take, at most. */
const MILLISECONDS = { watch: 40, fast: 150 };
/** Milliseconds in which an image begins to form, undisturbed by what else there is to find out. */
const FIRST_LOOK = 700;

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

/** What backends say of themselves once they are tested. Until then WASM computes, which needs no drivers. */
let testing: Promise<BackendReport[]> | undefined;
let tested: BackendReport[] | undefined;

/** Whether the visitor wants the loop to go on, how many commands it must wait for, and its end. */
let wanted = false;
let waiting = 0;
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
  if (!['support', 'save'].includes(command.kind)) wanted = false;
  interrupt(() => carryOut(command));
};

/** Does something between two iterations, after what was asked for before. */
function interrupt(work: () => unknown): void {
  waiting += 1;
  queue = queue
    .then(() => loop)
    .then(work)
    .catch(fail)
    .then(() => {
      waiting -= 1;
      if (wanted && waiting === 0) loop = iterate().catch(fail);
    });
}

async function carryOut(command: Exclude<Command, { kind: 'shown' | 'pace' | 'views' }>): Promise<void> {
  switch (command.kind) {
    case 'open':
      // Another one may follow.
      return command === newest ? open(command) : undefined;
    case 'pause':
      return;
    case 'resume':
      if (run && run.done >= run.iterations) run.extend();
      wanted = true;
      return;
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

async function open({ source, settings, begins, ...command }: Extract<Command, { kind: 'open' }>): Promise<void> {
  tell('opening');
  // Until there is another one, the last one stays.
  const problem = await problemOf(source, settings);
  const next = await openWhereItCan(problem, settings);
  run?.dispose();
  run = next;
  ({ backend, pace } = settings);
  ({ views } = command);
  rate = NaN;
  milliseconds = 0;
  post(problem.opened);
  tellPlace(run);
  await show(false);
  if (begins) wanted = true;
  else tell('paused');
  // Iterations need not wait for what takes some time.
  const settle = async () => {
    await new Promise((resolve) => setTimeout(resolve, FIRST_LOOK));
    if (settings.backend === 'auto') tested = await (testing ??= listBackends());
    interrupt(() => (run === next ? settleRun(next, problem) : undefined));
  };
  settle().catch(fail);
}

/** Says what there is to know of the problem, and lets the best backend go on, for as long as the recipe says. */
async function settleRun(current: Run, problem: Problem): Promise<void> {
  post({ kind: 'findings', warnings: problem.inspect() });
  const best = backend === 'auto' ? bestBackend() : (current.backend as Backend);
  const recipe = await current.settle(best).catch((error: unknown) => {
    // It goes on as it is.
    post({ kind: 'notice', text: messageOf(error) });
    return undefined;
  });
  if (recipe) post({ kind: 'chosen', recipe });
  milliseconds = 0;
  tellPlace(current);
  await show(false);
}

function bestBackend(): Backend {
  return tested?.[0].name === 'webgpu' ? 'webgpu' : 'wasm';
}

/** Where WebGPU cannot, WASM does it, which the visitor is told. */
async function openWhereItCan(problem: Problem, settings: Settings): Promise<Run> {
  const wished = settings.backend === 'auto' ? bestBackend() : settings.backend;
  try {
    return await problem.open({ ...settings, backend: wished });
  } catch (error) {
    const isGpu = hasCode(error, 'BACKEND_UNAVAILABLE', 'DEVICE_LOST', 'DEVICE_FAILED', 'OUT_OF_MEMORY');
    if (wished !== 'webgpu' || !isGpu) throw error;
    post({ kind: 'notice', text: `WASM computes instead: ${messageOf(error)}` });
    return problem.open({ ...settings, backend: 'wasm' });
  }
}

/** Says where it runs, and why there. */
function tellPlace({ backend, device }: Run): void {
  post({ kind: 'place', backend, device, why: whyThere(backend) });
}

function whyThere(taken: BackendName): string {
  if (taken === backend) return 'as chosen';
  if (taken === 'webgpu') return 'the fastest that works here';
  if (!tested) return 'while WebGPU is being tested';
  const webgpu = tested.find(({ name }) => name === 'webgpu');
  if (!webgpu?.available) return `no WebGPU: ${webgpu?.reason}`;
  const isEmulated = webgpu.devices.every(({ software }) => software);
  return isEmulated ? 'WebGPU is only emulated on the processor here' : 'WebGPU could not be used';
}

async function iterate(): Promise<void> {
  tell('running');
  const current = run;
  while (wanted && waiting === 0 && current && current.done < current.iterations) {
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
  if (wanted && !finished) return;
  wanted = false;
  // Of what is computed as fast as it can be, the last iterations may not have been shown.
  await show(finished);
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
    tellPlace(run);
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
