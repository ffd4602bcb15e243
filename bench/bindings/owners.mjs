/** For each backend, who owns which buffer and when it is copied; and what the kernels move, which follows from it. */
import { table } from './format.mjs';

const DIAGRAMS = {
  cuda: `flowchart LR
  subgraph caller["the caller's, in JavaScript"]
    given["magnitudes, mask, support, start"]
    got["object, spectrum, residuals: new arrays"]
  end
  subgraph host["the session's, on the host: page-locked"]
    staging["two halves of one buffer, kept"]
  end
  written["a copy of what write… was given, until it is taken"]
  subgraph device["the session's, on the device"]
    constants["magnitudes, support bits"]
    state["half spectrum, object, iterate (rules with memory)"]
    records["residuals of the newest iterations"]
  end
  given -- "createSession: once" --> staging
  given -- "write…" --> written --> staging
  staging --> constants & state
  state & records -- "read…, residual" --> staging --> got
  state -- "iterations: nothing leaves" --> state`,
  webgpu: `flowchart LR
  subgraph caller["the caller's, in JavaScript"]
    given["magnitudes, mask, support, start"]
    got["object, spectrum, residuals: new arrays"]
  end
  subgraph queue["the queue's: Dawn's or the browser's"]
    written["what writeBuffer was given, until it is taken"]
  end
  subgraph device["the session's, on the device"]
    constants["magnitudes, support bits, parameters"]
    state["half spectrum, object, iterate (rules with memory)"]
    records["misfits and residuals of the newest iterations"]
    staging["staging buffers for reading, kept"]
  end
  tables["tables of twiddles: the device's, shared by sessions"]
  given -- "createSession, write…: once, scaled" --> written --> constants & state
  state & records -- "read…, residual" --> staging -- "mapped, copied, unmapped" --> got
  tables --> state
  state -- "iterations: nothing leaves" --> state`,
  wasm: `flowchart LR
  subgraph caller["the caller's, in JavaScript"]
    given["magnitudes, mask, support, start"]
    got["object, spectrum, residuals: new arrays"]
  end
  subgraph memory["the session's own WebAssembly memory"]
    staging["a staging buffer, for the time of a call"]
    constants["magnitudes, support"]
    state["half spectrum, object, iterate (rules with memory)"]
    records["residuals of the newest iterations"]
  end
  given -- "createSession, write…: once" --> staging --> constants & state
  state & records -- "read…, residual" --> staging --> got
  state -- "iterations: nothing leaves" --> state`,
};

/** @param {string} name */
export function diagram(name) {
  return `\`\`\`mermaid\n${DIAGRAMS[/** @type {keyof typeof DIAGRAMS} */ (name)]}\n\`\`\``;
}

/**
 * Bytes a pixel that each operation of \`gs\` must read and write in single precision, if it keeps nothing between calls:
 * the half spectrum and the object are 4 each, the magnitudes 2.
 */
const [SPECTRUM, OBJECT, MAGNITUDES] = [4, 4, 2];
const PASS = 2 * SPECTRUM;
const MOVED = [
  ['`inverse`', 'columns; rows into the object', PASS + SPECTRUM + OBJECT],
  ['`constrainObject`', 'the object', 2 * OBJECT],
  ['`forward`', 'rows from the object; columns', OBJECT + SPECTRUM + PASS],
  ['`constrainFourier`', 'the spectrum, the magnitudes', PASS + MAGNITUDES],
];
const FUSED = 2 * PASS + MAGNITUDES;
const SINGLE = MOVED.reduce((sum, [, , bytes]) => sum + Number(bytes), 0);
/** On cuda the columns of `forward`, `constrainFourier` and the next `inverse` wait to be one pass. */
const JOINED = SINGLE - 2 * PASS;

/** How many times as many bytes four kernels move as two fused passes. */
export const movedRatio = SINGLE / FUSED;
export const joinedRatio = JOINED / FUSED;

export function movedTable() {
  return table(
    [
      ['operation', 'passes over', 'bytes a pixel'],
      ...MOVED,
      ['four kernels', '', SINGLE],
      ['on cuda, if nothing is read in between', 'columns with the magnitudes; rows; the object; rows', JOINED],
      ['fused: `run`, `step`', 'columns with the magnitudes; rows', FUSED],
    ],
    2,
  );
}
