/**
 * The package's main entry, in Node and in browsers.
 *
 * Recovers an image from the magnitudes of its Fourier transform. `retrieve` does it in one call; `createSession` gives
 * control over single iterations and kernels; `listBackends` tells what runs here.
 *
 * @module rephase
 */
export { addGPUDevice, createSession, listBackends } from './backends/registry.js';
export {
  AbortError,
  BackendUnavailableError,
  BusyError,
  DeviceFailedError,
  DeviceLostError,
  DisposedError,
  ERROR_CODES,
  FileAccessError,
  FileFormatError,
  InvalidArgumentError,
  OutOfMemoryError,
  RephaseError,
  type ErrorCode,
} from './errors.js';
export {
  clean,
  estimateSupport,
  fitSupport,
  inspect,
  inspectImage,
  WARNING_CODES,
  type Cleaned,
  type CleanOptions,
  type DetectorImage,
  type FittedSupport,
  type ImageInspection,
  type Inspection,
  type InspectOptions,
  type SupportEstimate,
  type Warning,
  type WarningCode,
} from './inspect/index.js';
export { alignedError, type Alignment } from './tools/align.js';
export { alignedComplexError, type AlignComplexOptions, type ComplexAlignment } from './tools/align-complex.js';
export { alignedScanError, type AlignScanOptions, type ScanAlignment } from './tools/align-scan.js';
export { magnitude, phase, type PhaseOptions } from './tools/complex-images.js';
export { fftshift, ifftshift, type ShiftedArray } from './tools/fftshift.js';
export {
  HOLOGRAM_METHODS,
  hologram,
  type Hologram,
  type HologramMethod,
  type HologramOptions,
} from './tools/hologram.js';
export { magnitudesFromIntensities } from './tools/intensities.js';
export { guessProbe, type GuessProbeOptions } from './tools/guess-probe.js';
export { guessScan, type GuessScanOptions, type ScanGuess } from './tools/guess-scan.js';
export { illumination, type Illumination } from './tools/illumination.js';
export { orientScan } from './problems/orientation.js';
export { philox4x32, uniform } from './random.js';
export {
  combineStarts,
  refineAverage,
  type AverageToRefine,
  type CombinedStarts,
  type RefineOptions,
  type StartsToCombine,
} from './retrieve/combine-starts.js';
export { EFFORTS, chooseRecipe, type Effort, type Recipe, type RecipeOptions } from './retrieve/recipe.js';
export { retrieve } from './retrieve/retrieve.js';
export type { ScanSession } from './session/scan-session.js';
export type { Session } from './session/session.js';
export { simulateScan, type SimulateScanOptions } from './tools/simulate-scan.js';
export { simulate, type SimulateOptions, type Simulation } from './tools/simulate.js';
export { unwrapPhase, type UnwrapOptions } from './tools/unwrap.js';
export * from './scan-types.js';
export * from './types.js';
