import { statSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedPublisher } from '@pulseseal/bus';
import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import type { Ledger } from '@pulseseal/ledger';
import { openLog } from '@pulseseal/log';
import {
  createLogger,
  createMetrics,
  createSilentLogger,
  createSystemClock,
  createSystemRandom,
} from '@pulseseal/runtime';
import { createAedesBroker, createBusFeed, createGateway, openSqliteCatalogue } from '../src/mod.ts';

/** The gateway as it runs, on loopback without TLS, with a ledger that is away: nothing of the hot path is left out. */
const dir = process.argv[2] ?? '.';
const clock = createSystemClock();
const crypto = createNativeCrypto();
const keys = createMemoryKeyStore(clock);
const away = () => Promise.reject(new Error('the ledger is away in this bench'));
const ledger: Ledger = {
  identity: away,
  submit: away,
  read: away,
  // biome-ignore lint/correctness/useYield: it only ever fails
  async *events() {
    throw new Error('the ledger is away in this bench');
  },
  block: away,
  anchor: away,
  close: async () => {},
};
const limits = { maxConnections: 5_000, connectTimeoutMs: 20_000, keepaliveLimitS: 300 };
const startedMs = performance.now();
const journal = await openLog({ dir: join(dir, 'journal') });
const feed = await openEmbeddedPublisher({ dir: join(dir, 'feed') });
const catalogue = openSqliteCatalogue(join(dir, 'index.db'));
const random = createSystemRandom();
// One identity for all starts of a bench: the seed stands in for a key store on disk.
for (const [name, value] of Object.entries(JSON.parse(process.env.BENCH_KEYS ?? '{}') as Record<string, string>))
  await keys.put(name, Uint8Array.from(Buffer.from(value, 'base64')));
const gateway = createGateway(
  {
    crypto,
    wall: clock,
    data: clock,
    random,
    logger: createLogger('edge', 'warn'),
    metrics: createMetrics('edge'),
    journal,
    catalogue,
    keys,
    ledger,
    broker: createAedesBroker({ host: '127.0.0.1', plainPort: Number(process.argv[3] ?? 0), limits }),
    feeds: [createBusFeed(feed, createSilentLogger())],
  },
  {
    framesPerS: 1_000_000,
    framesBurst: 4_000_000,
    slowOpensPerS: 10_000,
    slowOpensBurst: 100_000,
    loginsBurst: 100_000,
    ...limits,
  },
);
const address = await gateway.start();
const beacon = await (async () => {
  for (const serial of [1, 2, 3]) {
    const seed = await keys.get(`gateway.prekey.${serial}`);
    if (seed !== undefined) return serial;
  }
  return 0;
})();
const saved: Record<string, string> = {};
for (const { name } of await keys.list()) saved[name] = Buffer.from((await keys.get(name))!).toString('base64');
process.send?.({
  port: address.plainPort,
  gid: address.gid,
  gateway: Buffer.from(address.thumbprint).toString('base64'),
  startMs: performance.now() - startedMs,
  keys: saved,
  beacon,
});
process.on('message', async (order: { readonly say?: string }) => {
  if (order.say === 'memory') {
    globalThis.gc?.();
    const { rss, heapUsed, heapTotal, external, arrayBuffers } = process.memoryUsage();
    process.send?.({
      rssBytes: rss,
      heapBytes: heapUsed,
      heapTotalBytes: heapTotal,
      externalBytes: external,
      bufferBytes: arrayBuffers,
    });
  }
  if (order.say === 'account') {
    let frames = 0;
    for (const epoch of gateway.account()) for (const [, count] of epoch.stored) frames += count;
    process.send?.({ frames });
  }
  if (order.say === 'stop') {
    await gateway.stop(0);
    await journal.close();
    await feed.close();
    catalogue.close();
    const sizeOf = (path: string) => statSync(join(dir, path), { throwIfNoEntry: false })?.size ?? 0;
    process.send?.({
      stopped: true,
      journalBytes: journal.endPosition,
      feedBytes: feed.endPosition,
      indexBytes: sizeOf('index.db'),
    });
    setTimeout(() => process.exit(0), 20);
  }
});
process.on('disconnect', () => process.exit(0));
