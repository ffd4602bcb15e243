/**
 * Everything that the course of one start follows from, between two iterations. It is the same on every backend, so that
 * another can go on from it.
 */
import type { BackendProblem, BackendSession } from '../backends/interface.js';
import type { ObjectKind, RealArray, Shape } from '../types.js';
import { packHalf, unpackHalf } from './half-spectrum.js';
import type { ShrinkProgress } from './shrink-wrap.js';

export interface StartState {
  /** Iterations finished, ≥ 1. */
  iterations: number;
  /** Seconds spent iterating. */
  seconds: number;
  /** The newest. */
  residual: number;
  /** The iterate, rows × columns; interleaved where it is complex. */
  object: RealArray;
  /** After the Fourier constraint: its packed half, or all of it where the object is complex. */
  spectrum: RealArray;
  /** See `BackendSession`; where the backend tells it. */
  threshold?: number | undefined;
  /** The residual of every iteration, where a history is kept. */
  history?: Float64Array;
  /** The start's own support, where supports have shrunk. */
  support?: Uint8Array;
  /** How far shrinking is, where a run shrinks supports. */
  shrinking?: ShrinkProgress;
}

/** Reads what the backend holds of one start. No pass is pending. */
export async function readState(
  session: BackendSession,
  start: number,
  shape: Shape,
  kind: ObjectKind,
): Promise<Pick<StartState, 'object' | 'spectrum' | 'threshold'>> {
  const object = await session.readObject(start);
  const stored = await session.readStored?.(start);
  const pack = (full: RealArray) => (kind === 'complex' ? full : packHalf(full, shape));
  const spectrum = stored ?? pack(await session.readSpectrum(start));
  return { object, spectrum, threshold: session.readThreshold?.(start) };
}

/** Writes the states of all starts into a fresh session. */
export function writeStates(session: BackendSession, problem: BackendProblem, states: readonly StartState[]): void {
  states.forEach(({ object, spectrum, threshold, support }, start) => {
    session.writeObject(start, object, problem.rule.keepsIterate);
    if (session.writeStored) session.writeStored(start, spectrum);
    else if (problem.object === 'complex') session.writeSpectrum(start, spectrum);
    else session.writeSpectrum(start, unpackHalf(spectrum, problem.pattern.shape));
    if (threshold !== undefined) session.writeThreshold?.(start, threshold);
    if (support) session.writeSupport(start, support);
  });
}
