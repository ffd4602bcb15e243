/** Formats that are known and not read: their names, and the line that converts them. */

const PYTHON = (modules: string, expression: string): string =>
  `python3 -c "import numpy as np, ${modules}; np.save('out.npy', ${expression})"`;

const KNOWN: { name: string; at?: number; starts: string; convert: string }[] = [
  { name: 'FITS', starts: 'SIMPLE  =', convert: PYTHON('astropy.io.fits as f', "f.getdata('IN.fits')") },
  { name: 'DICOM', at: 128, starts: 'DICM', convert: PYTHON('pydicom', "pydicom.dcmread('IN.dcm').pixel_array") },
  { name: 'Gatan DM3', starts: '\0\0\0\x03', convert: PYTHON('ncempy.io.dm as d', "d.dmReader('IN.dm3')['data']") },
  { name: 'Gatan DM4', starts: '\0\0\0\x04', convert: PYTHON('ncempy.io.dm as d', "d.dmReader('IN.dm4')['data']") },
  { name: 'TIA (SER)', starts: 'II\x97\x01', convert: PYTHON('ncempy.io.ser as s', "s.serReader('IN.ser')['data']") },
  { name: 'GIF', starts: 'GIF8', convert: 'magick IN.gif OUT.png' },
  { name: 'WebP', at: 8, starts: 'WEBP', convert: 'dwebp IN.webp -o OUT.png' },
  { name: 'JPEG 2000', at: 4, starts: 'jP  ', convert: 'opj_decompress -i IN.jp2 -o OUT.tif' },
  { name: 'HEIF or AVIF', at: 4, starts: 'ftyp', convert: 'heif-convert IN.heic OUT.png' },
  { name: 'bzip2', starts: 'BZh', convert: 'bunzip2 IN.bz2' },
  { name: 'xz', starts: '\xfd7zXZ', convert: 'unxz IN.xz' },
  { name: 'Zstandard', starts: '\x28\xb5\x2f\xfd', convert: 'unzstd IN.zst' },
  { name: 'a zip archive without arrays of NumPy', starts: 'PK', convert: 'unzip IN.zip' },
  { name: 'netCDF 3', starts: 'CDF', convert: 'nccopy -k nc4 IN.nc OUT.h5' },
  { name: 'a pickle of Python', starts: '\x80', convert: PYTHON('pickle', "pickle.load(open('IN.pkl', 'rb'))") },
  { name: 'HDF4', starts: '\x0e\x03\x13\x01', convert: 'h4toh5 IN.hdf OUT.h5' },
];

/** `FITS, which is not read: …`; undefined for what is not known. */
export function unreadFormat(bytes: Uint8Array): string | undefined {
  const first = bytes.subarray(0, 256);
  const known = KNOWN.find(({ at = 0, starts }) =>
    [...starts].every((letter, index) => first[at + index] === letter.charCodeAt(0)),
  );
  if (known) return `${known.name}, which is not read; convert it by ${known.convert}`;
  if (isTable(first)) return `a table of numbers as text, which is not read; convert it by ${TABLE}`;
  return undefined;
}

const TABLE = PYTHON('re', "np.array([re.split(r'[,;\\\\s]+', l.strip(' ,;\\\\n')) for l in open('IN.csv')], float)");

function isTable(first: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(first);
  return text.length > 0 && /^[-+0-9.,;eE \t\r\n]+$/.test(text) && /[0-9][,;\s]+[-+0-9.]/.test(text);
}
