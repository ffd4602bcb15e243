/** What `writeScan` has written of a reconstruction. */
import { FileFormatError } from '../../errors.js';
import type { Scan } from '../../scan-types.js';
import type { Shape } from '../../types.js';
import { isHdf5, readHdf5 } from '../hdf5/hdf5.js';
import { Contents } from './contents.js';

/** What a run goes on from. */
export interface ScanResult extends Required<Pick<Scan, 'object' | 'probe' | 'positions' | 'shape'>> {
  /** Finished. */
  iterations: number;
  /** How it was made, as far as the file says it. */
  settings: Partial<Record<(typeof SETTINGS)[number], string | number>>;
}

const RESULT = '/entry_1/result_1';

/** What a run may go on with otherwise than it began. */
export const SETTINGS = ['algorithm', 'alpha', 'beta', 'batch', 'seed', 'precision'] as const;

/** @throws FileFormatError */
export async function readResult(bytes: Uint8Array): Promise<ScanResult> {
  if (!isHdf5(bytes)) throw new FileFormatError('it is no CXI file, in which results are');
  return readHdf5(bytes, {}, (file) => {
    const contents = new Contents(file, bytes.length);
    const object = contents.complex(`${RESULT}/data`);
    const probe = contents.complex('/entry_1/result_2/data');
    const positions = contents.numbers(`${RESULT}/positions`);
    const iterations = contents.number(`${RESULT}/process_1/iterations`);
    const isWhole = object?.extents.length === 2 && probe?.extents.length === 3 && positions?.extents.length === 2;
    if (!isWhole || iterations === undefined) {
      throw new FileFormatError('it has no reconstruction that rephase has written', { format: 'hdf5' });
    }
    return {
      object: { data: object.data, shape: object.extents as unknown as Shape },
      probe: probe.data,
      shape: probe.extents.slice(1) as unknown as Shape,
      positions: positions.data,
      iterations,
      settings: Object.fromEntries(
        SETTINGS.flatMap((name) => {
          const path = `${RESULT}/process_1/${name}`;
          const value = contents.text(path) ?? contents.number(path);
          return value === undefined ? [] : [[name, value]];
        }),
      ),
    };
  });
}
