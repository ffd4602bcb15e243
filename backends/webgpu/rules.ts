/**
 * The pixel rules in WGSL, in the order of ALGORITHMS in src/types.ts, as core/rules.hpp has them for the CPU. Given the
 * new image `y`, the previous iterate, where the pixel is `bad` (negative inside the support, or outside it) and `beta`,
 * a rule gives the new iterate and the image to transform next. They differ only for reflecting rules, of which there is
 * none yet.
 *
 * Where there is no previous iterate, `fed_back` is y and `kept` is 0, as in the reference implementation
 * (tuelwer/phase-retrieval).
 */
import type { Algorithm } from '../../src/types.js';

export interface Rule {
  /** It needs the previous iterate. */
  hasMemory: boolean;
  /** Applying it twice changes nothing. */
  isProjection: boolean;
  /** WGSL expression of the new iterate. */
  iterate: string;
  /** WGSL expression of the image to transform next; `iterate` where left out. */
  next?: string;
}

export const RULES: Record<Algorithm, Rule> = {
  // Gerchberg and Saxton, Optik 35, 237 (1972); with a support, error reduction (Fienup, Applied Optics 21, 2758, 1982).
  gs: { hasMemory: false, isProjection: true, iterate: 'select(y, 0.0, bad)' },
  // Fienup (1982), hybrid input-output.
  hio: { hasMemory: true, isProjection: false, iterate: 'select(y, fed_back - beta * y, bad)' },
  // Fienup (1982), input-output.
  'input-output': { hasMemory: true, isProjection: false, iterate: 'select(kept, fed_back - beta * y, bad)' },
  // Fienup (1982), output-output.
  'output-output': { hasMemory: false, isProjection: false, iterate: 'select(y, y - beta * y, bad)' },
};

/** The rule as a function: x the new iterate, y the image to transform next. */
export function ruleFunction({ iterate, next = 'iterate' }: Rule): string {
  return `
fn rule(y: f32, fed_back: f32, kept: f32, bad: bool, beta: f32) -> vec2f {
  let iterate = ${iterate};
  let next = ${next};
  return vec2f(iterate, next);
}`;
}
