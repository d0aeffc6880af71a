import { RecordingRefused } from './failures.ts';

/**
 * Checks the head of a MAT version 4 file of 16-bit samples (MathWorks, "MAT-File Format", level 4): five little-endian
 * 32-bit words type (30 = little-endian, int16, full matrix), rows, columns, imaginary, name length; then the name.
 * Rows are signals, columns frames, stored column by column, which is the frame order of format 16.
 * Returns where the samples begin.
 */
export function matDataOffset(bytes: Uint8Array, record: string, signalCount: number): number {
  if (bytes.length < 20) throw new RecordingRefused(record, 'its MAT file is cut');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = view.getUint32(0, true);
  const rows = view.getUint32(4, true);
  const imaginary = view.getUint32(12, true);
  const nameLength = view.getUint32(16, true);
  if (type !== 30 || imaginary !== 0 || nameLength > 256)
    throw new RecordingRefused(record, 'its MAT file is not version 4 with 16-bit samples');
  if (rows !== signalCount)
    throw new RecordingRefused(record, `its MAT file has ${rows} rows for ${signalCount} signals`);
  return 20 + nameLength;
}
