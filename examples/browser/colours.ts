/** Colour maps: numbers from 0 to 1 become colours. */

/** Samples at equal distances, dark to bright. */
const SAMPLES = {
  grey: [
    [0, 0, 0],
    [255, 255, 255],
  ],
  /** matplotlib's "inferno" and "viridis" (CC0). */
  inferno: [
    [0, 0, 4],
    [31, 12, 72],
    [85, 15, 109],
    [136, 34, 106],
    [186, 54, 85],
    [227, 89, 51],
    [249, 140, 10],
    [249, 201, 50],
    [252, 255, 164],
  ],
  viridis: [
    [68, 1, 84],
    [71, 44, 122],
    [59, 81, 139],
    [44, 113, 142],
    [33, 144, 141],
    [39, 173, 129],
    [92, 200, 99],
    [170, 220, 50],
    [253, 231, 37],
  ],
  /** From one sign over none to the other. */
  'blue–red': [
    [33, 102, 172],
    [247, 247, 247],
    [178, 24, 43],
  ],
} as const;

export type ColourMap = keyof typeof SAMPLES | 'phase';

export const COLOUR_MAPS: readonly ColourMap[] = [...(Object.keys(SAMPLES) as ColourMap[]), 'phase'];

const STEPS = 256;
const tables = new Map<ColourMap, Uint8Array>();

/** `STEPS` colours of three bytes. */
function tableOf(map: ColourMap): Uint8Array {
  const known = tables.get(map);
  if (known) return known;
  const table = Uint8Array.from({ length: 3 * STEPS }, (_, i) =>
    channelOf(map, Math.floor(i / 3) / (STEPS - 1), i % 3),
  );
  tables.set(map, table);
  return table;
}

function channelOf(map: ColourMap, level: number, channel: number): number {
  // A circle of hues, on which 0 and 1 are one colour.
  if (map === 'phase') return Math.round(255 * Math.sin(Math.PI * (level + channel / 3)) ** 2);
  const samples = SAMPLES[map];
  const at = level * (samples.length - 1);
  const below = Math.min(Math.floor(at), samples.length - 2);
  const [low, high] = [samples[below][channel], samples[below + 1][channel]];
  return Math.round(low + (at - below) * (high - low));
}

/** Colours of numbers from `low` to `high`, RGBA; what lies outside has the colours of the ends, and NaN none. */
export function paint(
  pixels: Uint8ClampedArray,
  data: Float32Array,
  map: ColourMap,
  [low, high]: readonly [number, number],
): void {
  const table = tableOf(map);
  const factor = (STEPS - 1) / (high - low || 1);
  for (let i = 0; i < data.length; i++) {
    const level = Math.min(Math.max(Math.round((data[i] - low) * factor), 0), STEPS - 1);
    for (let channel = 0; channel < 3; channel++) {
      pixels[4 * i + channel] = table[3 * level + channel];
    }
    pixels[4 * i + 3] = Number.isNaN(level) ? 0 : 255;
  }
}
