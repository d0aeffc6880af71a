import type { Flash } from './ports.ts';

/** A flash that lives as long as the object: hand it to the next device to model a reboot. */
export function createMemoryFlash(): Flash {
  let state: Uint8Array | undefined;
  let records: Uint8Array[] = [];
  let bytes = 0;
  let account = '';
  return {
    readState: () => state?.slice(),
    writeState(next) {
      state = next.slice();
    },
    readRecords: () => [...records],
    append(record) {
      records.push(record);
      bytes += record.length;
    },
    sync: () => undefined,
    spoolBytes: () => bytes,
    rewrite(next) {
      records = [...next];
      bytes = records.reduce((sum, record) => sum + record.length, 0);
    },
    readAccount: () => account,
    appendAccount(lines) {
      account += lines;
    },
    rewriteAccount(lines) {
      account = lines;
    },
    close() {},
  };
}
