import type { SpoolEpoch } from './spool-epoch.ts';

interface Close {
  readonly epoch: SpoolEpoch;
  readonly sg: number;
}

/** Holds closes back until they are sure to survive a loss of power. */
export interface CloseSync {
  /** The close was appended just now. */
  add(epoch: SpoolEpoch, sg: number): void;
  /** Runs when every close that was added so far is decided; at once when none waits. */
  after(run: () => void): void;
}

export function createCloseSync(hooks: {
  readonly sync: () => Promise<void> | undefined;
  /** Writes the spool anew as a whole, and synced. */
  readonly rewrite: () => void;
  readonly failed: (error: unknown) => void;
}): CloseSync {
  /** Appended, and not known to be on the disk. */
  const unsure = new Set<Close>();
  let newest: Promise<void> | undefined;
  let failure: { readonly error: unknown } | undefined;

  const settle = (which: Iterable<Close>) => {
    for (const close of which) {
      unsure.delete(close);
      close.epoch.unsyncedCloses.delete(close.sg);
    }
  };
  /** After a failed sync nobody knows what is on the disk, and the next one may succeed all the same: all is written anew. */
  const mend = (error: unknown) => {
    failure = { error };
    try {
      hooks.rewrite();
      failure = undefined;
      settle([...unsure]);
    } catch {
      hooks.failed(error);
    }
  };
  return {
    add(epoch, sg) {
      const synced = hooks.sync();
      if (synced === undefined) return;
      const close = { epoch, sg };
      unsure.add(close);
      epoch.unsyncedCloses.add(sg);
      const mine = Promise.all([synced, newest]).then(() => {
        if (failure === undefined) settle([close]);
        else mend(failure.error);
      }, mend);
      newest = mine;
      void mine.then(() => {
        if (newest === mine) newest = undefined;
      });
    },
    after(run) {
      if (newest === undefined) run();
      else void newest.then(run);
    },
  };
}
