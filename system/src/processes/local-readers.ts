import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Feed } from '@pulseseal/edge-gateway';

/** Which pseudonyms are read on this machine: the feed carries theirs alone, others come for theirs over MQTT. */
export interface LocalReaders {
  /** Adds pseudonyms, 16 hex digits each; durable when it resolves. */
  serve(rids: readonly string[]): Promise<void>;
  /** `inner` with what is for these readers. */
  feed(inner: Feed): Feed;
}

export async function openLocalReaders(dir: string): Promise<LocalReaders> {
  const path = join(dir, 'local-readers.json');
  const served = new Set(
    await readFile(path, 'utf8').then(
      (text) => JSON.parse(text) as string[],
      () => [],
    ),
  );
  return {
    async serve(rids) {
      for (const rid of rids) served.add(rid);
      await writeFile(`${path}.new`, JSON.stringify([...served]), { mode: 0o600 });
      await rename(`${path}.new`, path);
    },
    feed: (inner) => ({
      give: (items, upstream) =>
        inner.give(
          items.filter((item) => served.has(item.rid)),
          upstream,
        ),
      upstream: () => inner.upstream(),
    }),
  };
}
