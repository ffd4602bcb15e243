/**
 * rephase/files, for Node only: images and scans from files and to files. `rephase/formats` does the same for images with
 * bytes, anywhere.
 */
export {
  readComplexImage,
  readImage,
  readScan,
  writeComplexImage,
  writeImage,
  writeScan,
  type ReadScanOptions,
} from './formats/files.js';
export type { ComplexDecodeOptions, ComplexImage, DecodeOptions, EncodeOptions, Image } from './formats/index.js';
export type { ScanGeometry } from './formats/scan/assemble.js';
