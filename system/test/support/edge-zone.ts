import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNativeCrypto } from '@pulseseal/crypto';
import { connectLedger, ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { createMessageSigner, type MessageSigner, parseCoseKey, parseSigned, topic } from '@pulseseal/protocol';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import {
  type ConnectOptions,
  connectClient,
  type TestClient,
  type TestIdentity,
  testIdentity,
} from '../../../edge-gateway/test/client.ts';
import { type RawCircle, rawCircle } from '../../../edge-gateway/test/raw-device.ts';
import type { EdgeReady } from '../../src/processes/contracts.ts';
import type { LedgerReady } from '../../src/processes/ledger.ts';
import { startZone, ZONE_PROGRAM, type ZoneChild } from './zone-child.ts';

export const crypto = createNativeCrypto();
const clock = createSystemClock();
export const random = () => createSystemRandom().bytes(32);

/** The ledger's and the edge's processes as `pulseseal start` runs them; the test plays owners and devices. */
export interface EdgeZone {
  readonly dir: string;
  readonly edge: ZoneChild<EdgeReady>;
  readonly ledger: ZoneChild<LedgerReady>;
  /** An owner, its device and a recipient, known to ledger and gateway. */
  circle(over?: Partial<ConnectOptions>): Promise<RawCircle>;
  connect(identity: TestIdentity, over?: Partial<ConnectOptions>): Promise<TestClient>;
  beacon(): Promise<Uint8Array>;
  metricsText(): Promise<string>;
  end(): Promise<void>;
}

export interface EdgeZoneOptions {
  /** Another program in the edge's place, with what its settings have more. */
  readonly program?: string;
  readonly more?: object;
  readonly draw?: () => Uint8Array;
}

export async function startEdgeZone({
  program = ZONE_PROGRAM,
  more = {},
  draw = random,
}: EdgeZoneOptions = {}): Promise<EdgeZone> {
  const dir = await mkdtemp(join(tmpdir(), 'attack-'));
  const scale = { speed: 1, originMs: Date.now() };
  const zone = (name: string) => ({ dir: join(dir, name), scale, logLevel: 'trace' });
  const operator = createMessageSigner('ML-DSA-65', random(), crypto);
  const ledger = await startZone<LedgerReady>(ZONE_PROGRAM, 'ledger', {
    ...zone('ledger'),
    port: 0,
    operatorKey: operator.key,
  });
  const address = { url: ledger.ready.url, spkiHash: ledger.ready.spkiHash };
  const edge = await startZone<EdgeReady>(program, 'edge', {
    ...zone('edge'),
    ledger: address,
    brokerPort: 0,
    metricsPort: await freePort(),
    store: { kind: 'embedded' },
    fromCareDir: join(dir, 'care', 'toedge'),
    ...more,
  });
  const book = connectLedger({ ...address, clock });
  let counter = 0;
  const acting = (signer: MessageSigner, call: Parameters<typeof submitCall>[1]) =>
    submitCall(book, call, signAct(signer, ledger.ready.ledgerId, call.fn, call.args, ++counter, Date.now()));
  await acting(operator, ledgerCalls.registerGateway(parseCoseKey(edge.ready.gatewayKey), edge.ready.tenant));
  const clients: TestClient[] = [];
  const connect: EdgeZone['connect'] = async (identity, over = {}) => {
    const client = await connectClient(identity, {
      port: edge.ready.brokerPort,
      isTls: true,
      gateway: edge.ready.gateway,
      crypto,
      ...over,
    });
    clients.push(client);
    return client;
  };
  return {
    dir,
    edge,
    ledger,
    connect,
    async circle(over) {
      const circle = rawCircle([edge.ready.gateway], crypto, draw);
      const { pseudonym } = parseSigned(circle.manifest, 'manifest').body;
      const key = circle.owner.signer.key;
      await acting(circle.owner.signer, ledgerCalls.registerDevice(pseudonym, key, crypto.sha256(draw()), crypto));
      await submitCall(book, ledgerCalls.putManifest(circle.manifest, key));
      const agent = await connect(circle.owner, over);
      if (!(await agent.publish(circle.device.topics.e, circle.endorse))) throw new Error('endorse was refused');
      if (!(await agent.publish(circle.device.topics.m, circle.manifest))) throw new Error('manifest was refused');
      await agent.end();
      return circle;
    },
    async beacon() {
      const gid = Buffer.from(edge.ready.gateway.subarray(0, 8)).toString('hex');
      const anybody = await connect(testIdentity('ML-DSA-44', crypto, random));
      await anybody.subscribe(topic.beacon(gid));
      const beacon = await anybody.next((t) => t === topic.beacon(gid));
      await anybody.end();
      return beacon;
    },
    metricsText: async () => (await fetch(edge.ready.metrics)).text(),
    async end() {
      for (const client of clients) await client.end();
      await book.close();
      await edge.stop();
      await ledger.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A port that nobody held a moment ago: the metrics server says its port only from its settings. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    }),
  );
}
