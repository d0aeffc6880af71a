import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEmbeddedPublisher } from '@pulseseal/bus';
import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import {
  createAedesBroker,
  createBusFeed,
  createGateway,
  type GatewaySettings,
  gatewaySettings,
  loadTls,
  openSqliteCatalogue,
} from '@pulseseal/edge-gateway';
import type { Ledger } from '@pulseseal/ledger';
import { openLog } from '@pulseseal/log';
import {
  type ClockScale,
  createMetrics,
  createScaledClock,
  createSilentLogger,
  createSystemClock,
  createSystemRandom,
} from '@pulseseal/runtime';
import { settingsForCores } from '../../src/processes/cores.ts';
import { collect } from '../lib/collect.ts';
import { serve } from '../lib/serve.ts';

/** The gateway as the edge zone runs it: broker, journal, index, embedded feed. Its ledger is away. */
export interface GatewayOrder {
  readonly dir: string;
  readonly isTls?: boolean;
  readonly isPlain?: boolean;
  readonly host?: string;
  readonly settings?: Partial<GatewaySettings>;
  /** Time runs faster, transport periods with it. */
  readonly scale?: ClockScale;
}

export interface GatewayReady {
  readonly plainPort: number | undefined;
  readonly tlsPort: number | undefined;
  readonly gid: string;
  readonly thumbprint: Uint8Array;
}

const away = () => Promise.reject(new Error('the ledger is away in this bench'));
const ledger: Ledger = {
  identity: away,
  submit: away,
  read: away,
  events: () => ({ [Symbol.asyncIterator]: () => ({ next: away }) }),
  block: away,
  anchor: away,
  close: async () => {},
};

const random = createSystemRandom();
let stop = async () => {};
let dir = '';
const metrics = createMetrics('edge');

async function start(order: GatewayOrder): Promise<GatewayReady> {
  dir = order.dir;
  mkdirSync(dir, { recursive: true });
  const machine = createSystemClock();
  const clock = order.scale === undefined ? machine : createScaledClock(machine, order.scale);
  // The seeds of a bench lie open beside its data, so that a restart is the same gateway.
  const keys = createMemoryKeyStore(clock);
  const keyFile = join(dir, 'bench-keys.json');
  if (existsSync(keyFile)) {
    const saved = JSON.parse(readFileSync(keyFile, 'utf8')) as Record<string, string>;
    for (const [name, seed] of Object.entries(saved))
      await keys.put(name, Uint8Array.from(Buffer.from(seed, 'base64')));
  }
  const given = { ...settingsForCores(), ...order.settings };
  const settings = gatewaySettings(given);
  const catalogue = openSqliteCatalogue(join(dir, 'catalogue.sqlite'));
  const host = order.host ?? '127.0.0.1';
  const tls = order.isTls === true ? await loadTls(keys, random, clock, ['localhost']) : undefined;
  const journal = await openLog({ dir: join(dir, 'journal') });
  const feed = await openEmbeddedPublisher({ dir: join(dir, 'feed') });
  const gateway = createGateway(
    {
      crypto: createNativeCrypto(),
      wall: clock,
      data: clock,
      random,
      logger: createSilentLogger(),
      metrics,
      journal,
      catalogue,
      keys,
      ledger,
      broker: createAedesBroker({
        host,
        ...(tls === undefined ? {} : { tls: { port: 0, ...tls } }),
        ...(order.isPlain === false ? {} : { plainPort: 0 }),
        limits: settings,
      }),
      feeds: [createBusFeed(feed, createSilentLogger())],
    },
    given,
  );
  const address = await gateway.start();
  const saved: Record<string, string> = {};
  for (const { name } of await keys.list()) saved[name] = Buffer.from((await keys.get(name))!).toString('base64');
  writeFileSync(keyFile, JSON.stringify(saved), { mode: 0o600 });
  stop = async () => {
    await gateway.stop(0);
    await journal.close();
    await feed.close();
    catalogue.close();
  };
  return { plainPort: address.plainPort, tlsPort: address.tlsPort, gid: address.gid, thumbprint: address.thumbprint };
}

serve({
  start,
  stop: () => stop(),
  memory() {
    collect();
    return process.memoryUsage();
  },
  metrics: () => metrics.text(),
  sizes: () => ({
    journalBytes: sizeOf(join(dir, 'journal')),
    feedBytes: sizeOf(join(dir, 'feed')),
    indexBytes: readdirSync(dir)
      .filter((name) => name.startsWith('catalogue.sqlite'))
      .reduce((sum, name) => sum + statSync(join(dir, name)).size, 0),
  }),
});

function sizeOf(path: string): number {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
