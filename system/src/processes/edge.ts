import { join } from 'node:path';
import { openEmbeddedPublisher, openEmbeddedSubscriber } from '@pulseseal/bus';
import {
  createAedesBroker,
  createBusFeed,
  createGateway,
  createMqttFeed,
  type Gateway,
  gatewaySettings,
  loadTls,
  openInfluxStore,
  openSqliteCatalogue,
} from '@pulseseal/edge-gateway';
import { connectLedger } from '@pulseseal/ledger';
import { openCursor, openLog, readCursor } from '@pulseseal/log';
import { encodeCoseKey, Refusal } from '@pulseseal/protocol';
import type { EdgeAccount, Ranges } from '../start/totals.ts';
import type { EdgeReady, EdgeZoneSettings } from './contracts.ts';
import { settingsForCores } from './cores.ts';
import { startInfluxd } from './influxd.ts';
import type { RunningZone } from './ipc.ts';
import { openLocalReaders } from './local-readers.ts';
import { serveMetrics } from './metrics-server.ts';
import { writePublicKeys } from './public-keys.ts';
import { openZone, privateFolder, type ZoneBase } from './zone.ts';

/** How often the feed learns what care has done with, so that it may forget. */
const RETENTION_LOOK_MS = 5_000;

/** The edge zone: broker, gateway, journal, index, feed. It holds no key that opens a frame. */
export async function runEdge(settings: EdgeZoneSettings): Promise<RunningZone> {
  const base = await openZone('edge', settings);
  const tls = await loadTls(base.keys, base.random, base.wall, ['localhost', '127.0.0.1']);
  const broker = createAedesBroker({
    host: '127.0.0.1',
    tls: {
      port: settings.brokerPort,
      certificatePem: tls.certificatePem,
      privateKeyPem: tls.privateKeyPem,
      spki: tls.spki,
    },
    limits: gatewaySettings(),
  });
  const journalDir = join(base.dir, 'journal');
  const feedDir = join(base.dir, 'feed');
  const journal = await openLog({ dir: journalDir });
  const local = await openLocalReaders(base.dir);
  let careIsDoneBefore = 0;
  const publisher = await openEmbeddedPublisher({ dir: feedDir, keepFrom: () => careIsDoneBefore });
  const influxd =
    settings.store.kind === 'influx' && settings.store.url === undefined
      ? await startInfluxd(join(base.dir, 'influxdb'), base.wall)
      : undefined;
  const influxUrl = settings.store.kind === 'influx' ? (settings.store.url ?? influxd?.url) : undefined;
  const gateway = createGateway(
    {
      ...base,
      journal,
      catalogue: openSqliteCatalogue(join(await privateFolder(join(base.dir, 'index')), 'catalogue.sqlite')),
      ledger: connectLedger({ ...settings.ledger, clock: base.wall }),
      broker,
      feeds: [local.feed(createBusFeed(publisher, base.logger)), createMqttFeed(broker)],
      ...(influxUrl === undefined
        ? {}
        : {
            servedStore: {
              store: await openInfluxStore({ url: influxUrl }),
              cursor: await openCursor(join(base.dir, 'influx.cursor')),
            },
          }),
    },
    settingsForCores(),
  );
  const address = await gateway.start();
  await writePublicKeys(base, [{ name: 'gateway', key: address.key }]);
  const cancelRetention = base.wall.every(RETENTION_LOOK_MS, () => {
    readCursor(join(settings.fromCareDir, '..', 'feed.cursor')).then(
      (place) => {
        careIsDoneBefore = place.position;
      },
      () => {},
    );
  });
  const following = new AbortController();
  const followed = followCare(base, settings, gateway, following.signal);
  const metrics = await serveMetrics(base.metrics, settings.metricsPort);
  const ready: EdgeReady = {
    gatewayKey: encodeCoseKey(address.key),
    gateway: address.thumbprint,
    tenant: 'default',
    broker: `mqtts://127.0.0.1:${address.tlsPort}`,
    brokerPort: address.tlsPort ?? settings.brokerPort,
    metrics: metrics.url,
    feedDir,
    journalDir,
  };
  return {
    ready,
    calls: {
      serve: (rids: readonly string[]) => local.serve(rids),
      anchorNow: () => gateway.finishEvidence(5_000),
      isSettled: async () => isSettled(gateway),
      account: async () => edgeAccount(gateway, base),
    },
    async stop() {
      cancelRetention();
      following.abort();
      await gateway.stop();
      await followed;
      await publisher.close();
      await journal.close();
      await metrics.close();
      await influxd?.stop();
    },
  };
}

/** Racks and asks of the recipients on this machine. */
async function followCare(
  base: ZoneBase,
  settings: EdgeZoneSettings,
  gateway: Gateway,
  signal: AbortSignal,
): Promise<void> {
  const refused = base.metrics.counter('edge_care_refused_total', 'Messages of care not taken, by refusal', 'refusal');
  const subscriber = await openEmbeddedSubscriber({
    dir: settings.fromCareDir,
    cursorPath: join(base.dir, 'care.cursor'),
    onLost: () => refused.add(1, 'lost'),
    clock: base.wall,
  });
  try {
    while (!signal.aborted) {
      const messages = await subscriber.receive(256, signal);
      for (const { topic, body } of messages) {
        const rid = /^([0-9a-f]{16})\/a$/.exec(topic)?.[1];
        if (rid === undefined) refused.add(1, 'topic-denied');
        else
          await gateway
            .recipientMessage(rid, body)
            .catch((error) => refused.add(1, error instanceof Refusal ? error.refusal : 'failed'));
      }
      const last = messages.at(-1);
      if (last !== undefined) await subscriber.acknowledge(last.position);
    }
  } finally {
    await subscriber.close();
  }
}

/** Everything that is stored is sealed, or never will be: nothing has moved towards it. */
function isSettled(gateway: Gateway): boolean {
  for (const epoch of gateway.account()) {
    if (count(epoch.anchored) < count(epoch.sealed)) return false;
  }
  return true;
}

const count = (ranges: Ranges) => ranges.reduce((sum, [, n]) => sum + n, 0);

async function edgeAccount(gateway: Gateway, base: ZoneBase): Promise<EdgeAccount> {
  const stored = new Map<string, Ranges>();
  const sealed = new Map<string, Ranges>();
  const anchored = new Map<string, Ranges>();
  let duplicates = 0;
  for (const epoch of gateway.account()) {
    const name = `${epoch.device}.${epoch.eh}`;
    stored.set(name, epoch.stored);
    sealed.set(name, epoch.sealed);
    anchored.set(name, epoch.anchored);
    duplicates += epoch.doubled;
  }
  return { stored, sealed, anchored, duplicates, refusals: await refusalCounts(base) };
}

/** The refusal counters of this zone, read from its own metrics. */
async function refusalCounts(base: ZoneBase): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const match of (await base.metrics.text()).matchAll(
    /^[a-z_]*refus[a-z_]*_total\{(?:[^}]*,)?refusal="([^"]+)"[^}]*\} ([0-9.e+]+)$/gm,
  )) {
    counts[match[1]!] = (counts[match[1]!] ?? 0) + Number(match[2]);
  }
  return counts;
}
