/** rephase/files, for Node only: images from files and to files. `rephase/formats` does the same with bytes, anywhere. */
export { readImage, writeImage } from './formats/files.js';
export type { DecodeOptions, EncodeOptions, Image } from './formats/index.js';
