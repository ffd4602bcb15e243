/** The progress bar of a run. It is drawn on stderr if that is a terminal. */
import process from 'node:process';
import { SingleBar } from 'cli-progress';
import { type Progress } from '../types.js';

export interface ProgressBar {
  update: (progress: Progress) => void;
  stop: () => void;
}

/** Starts a bar. It shows nothing if stderr is not a terminal or `quiet` is set. */
export function progressBar(quiet: boolean): ProgressBar {
  if (quiet || !process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar({
    format: '{bar} {value}/{total} · {rate} it/s · residual {residual} · {left} left',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 24,
    stream: process.stderr,
    hideCursor: true,
    linewrap: false,
    gracefulExit: false,
  });
  bar.start(0, 0, { rate: '–', residual: '–', left: '–' });
  return {
    update: (progress) => {
      bar.setTotal(progress.iterations);
      bar.update(progress.iteration, describe(progress));
    },
    stop: () => bar.stop(),
  };
}

function describe({ iteration, iterations, residual, seconds }: Progress) {
  const rate = iteration / seconds;
  return {
    rate: Number.isFinite(rate) ? rate.toPrecision(3) : '–',
    residual: Number.isNaN(residual) ? '–' : residual.toPrecision(4),
    left: rate > 0 && Number.isFinite(rate) ? duration((iterations - iteration) / rate) : '–',
  };
}

/** `1.5 s`, `42 s`, `3 min 05 s`, `2 h 10 min` */
export function duration(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}
