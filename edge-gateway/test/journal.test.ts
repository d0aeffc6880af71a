import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog } from '@pulseseal/log';
import { createSystemClock } from '@pulseseal/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFaultyFileSystem } from '../../libs/log/test/faulty-file-system.ts';
import { createJournal } from '../src/journal.ts';
import { RECORD } from '../src/journal-record.ts';

const message = new Uint8Array(40).fill(7);

describe('a journal whose disk failed', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'journal-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('answers whoever asks during the recovery at once, because the recovery waits for them', async () => {
    let isFailing = false;
    const fs = createFaultyFileSystem(({ kind, path }) => {
      if (!isFailing || kind !== 'sync' || !path.endsWith('.seg')) return undefined;
      isFailing = false;
      return { errno: 'EIO' };
    });
    const log = await openLog({ dir, fs });
    const journal = createJournal(log, createSystemClock());
    const put = () => journal.put(RECORD.frame, 0, 1, 0, message, () => 'kept');
    await expect(put()).resolves.toBe('kept');
    isFailing = true;
    await expect(put()).rejects.toThrow('journal-failed');
    expect(journal.isFailed).toBe(true);
    // A repeated message stands on a record that is gone: it must neither be acknowledged nor wait for good.
    const answers: boolean[] = [];
    const ask = () =>
      new Promise<void>((resolve) => journal.after({ settled: (isSynced) => resolve(void answers.push(isSynced)) }));
    const early = ask();
    journal.onRecovery(() => early);
    await expect.poll(() => journal.isFailed, { timeout: 5_000 }).toBe(false);
    expect(answers).toEqual([false]);
    await expect(put()).resolves.toBe('kept');
    await ask();
    expect(answers).toEqual([false, true]);
    journal.stop();
    await log.close();
  });
});
