/** TIFF and BigTIFF to brightness: grey, colour and palette pages, integers and floats, in strips or tiles. */
import { type SampleKind, fitsSingle, sampleReader } from '../bytes.js';
import { type Image, luminance } from '../image.js';
import { type DecodeOptions, chooseFrames, combineFrames } from '../options.js';
import { Compression, type Page, bad, readPage, readPages } from './directory.js';
import { expandPiece, undoPrediction } from './pieces.js';

export function isTiff(bytes: Uint8Array): boolean {
  const mark = String.fromCharCode(...bytes.subarray(0, 4));
  return ['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].includes(mark);
}

/**
 * Reads a page, or adds up several. Alpha is left out.
 * @throws FileFormatError, InvalidArgumentError when there are fewer pages than asked for
 */
export function decodeTiff(bytes: Uint8Array, options: DecodeOptions = {}): Image {
  const pages = readPages(bytes);
  const limits = { fileBytes: bytes.length, ...(options.maxPixels !== undefined && { maxPixels: options.maxPixels }) };
  const frames = chooseFrames(options, pages.length, 'tiff', () => `the TIFF file of ${pages.length} pages`);
  const { shape } = readPage(bytes, pages[frames.from], limits);
  const data = combineFrames(frames, (index) => readPixels(readPage(bytes, pages[index], limits)));
  return { data, shape };
}

type Numbers = Float32Array | Float64Array;

function readPixels(page: Page): Numbers {
  const { colour, bits, palette } = page;
  if (colour === 'rgb') {
    const [red, green, blue] = [0, 1, 2].map((channel) => readChannel(page, channel));
    for (let i = 0; i < red.length; i++) red[i] = luminance(red[i], green[i], blue[i]);
    return red;
  }
  const data = readChannel(page, 0);
  if (colour === 'white-is-zero') {
    const white = 2 ** bits - 1;
    for (let i = 0; i < data.length; i++) data[i] = white - data[i];
  } else if (colour === 'palette') {
    const size = 2 ** bits;
    // Palettes are of 16 bits: 65535 / 257 = 255.
    const brightness = Float32Array.from({ length: size }, (_, i) =>
      luminance(palette[i], palette[size + i], palette[2 * size + i]),
    );
    for (let i = 0; i < data.length; i++) data[i] = brightness[data[i]] / 257;
  }
  return data;
}

/** One sample of every pixel. */
function readChannel(page: Page, channel: number): Numbers {
  const { shape, pieceShape, pieceIsTile, bits, kind, planar, channels } = page;
  const [rows, columns] = shape;
  const [pieceRows, pieceColumns] = pieceShape;
  const inLine = planar ? 1 : channels;
  const line = Math.ceil((pieceColumns * inLine * bits) / 8);
  const data = fitsSingle(kind, bits) ? new Float32Array(rows * columns) : new Float64Array(rows * columns);
  const across = Math.ceil(columns / pieceColumns);
  const down = Math.ceil(rows / pieceRows);
  const firstPiece = planar ? channel * across * down : 0;
  const offset = planar ? 0 : channel;
  for (let index = 0; index < across * down; index++) {
    const top = Math.floor(index / across) * pieceRows;
    const left = (index % across) * pieceColumns;
    const height = Math.min(pieceRows, rows - top);
    const width = Math.min(pieceColumns, columns - left);
    const stored = expandPiece(page.pieces[firstPiece + index], page, line * (pieceIsTile ? pieceRows : height));
    if (stored.length < line * height) throw bad('holds less than its directory says');
    // Prediction is undone in place, and bytes that were not compressed are the caller's.
    const piece = page.predictor > 1 && page.compression === Compression.None ? stored.slice() : stored;
    const little = undoPrediction(piece, page, line);
    const read = lineReader(piece, kind, bits, little);
    for (let row = 0; row < height; row++) {
      const to = (top + row) * columns + left;
      for (let column = 0; column < width; column++) {
        data[to + column] = read(row * line, column * inLine + offset);
      }
    }
  }
  return data;
}

/** Reads the n-th sample of the line that begins at a byte. Samples of less than a byte begin with its highest bits. */
function lineReader(piece: Uint8Array, kind: SampleKind, bits: number, little: boolean) {
  const view = new DataView(piece.buffer, piece.byteOffset, piece.byteLength);
  const read = sampleReader(kind, bits, little);
  if (read) {
    const size = bits / 8;
    return (line: number, sample: number): number => read(view, line + sample * size);
  }
  return (line: number, sample: number): number => {
    const first = sample * bits;
    const at = line + (first >> 3);
    const two = (piece[at] << 8) | (piece[at + 1] ?? 0);
    return (two >> (16 - bits - (first & 7))) & ((1 << bits) - 1);
  };
}
