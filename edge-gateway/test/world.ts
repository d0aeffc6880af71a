import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concat, createMemoryKeyStore, createNativeCrypto, type KeyStore } from '@pulseseal/crypto';
import { createLocalLedger, type Ledger, ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import { createNodeFileSystem, type FileSystem, type Log, openLog } from '@pulseseal/log';
import { createMessageSigner, parseSigned, topic } from '@pulseseal/protocol';
import {
  type Clock,
  createMetrics,
  createSilentLogger,
  createSystemClock,
  createSystemRandom,
  type Metrics,
} from '@pulseseal/runtime';
import type { Catalogue } from '../src/catalogue.ts';
import {
  createAedesBroker,
  createGateway,
  type FeedItem,
  type Gateway,
  type GatewayAddress,
  type GatewaySettings,
  loadIdentity,
  loadTls,
  openSqliteCatalogue,
} from '../src/mod.ts';
import { type ConnectOptions, connectClient, type TestClient, type TestIdentity } from './client.ts';
import { type RawCircle, type RawEpoch, rawCircle, rawEpoch } from './raw-device.ts';

export const crypto = createNativeCrypto();
const clock = createSystemClock();
export const random = () => createSystemRandom().bytes(32);

export interface World {
  readonly dir: string;
  readonly keys: KeyStore;
  readonly ledger: Ledger & { isAway: boolean };
  /** The gateway that runs now. */
  gateway: Gateway;
  address: GatewayAddress;
  catalogue: Catalogue;
  journal: Log;
  metrics: Metrics;
  readonly items: FeedItem[];
  beacon(): Promise<Uint8Array>;
  /** A device whose owner has endorsed it and published a manifest here, on the ledger too. */
  circle(): Promise<RawCircle>;
  /** Logs in, subscribes to `d`. */
  connect(identity: TestIdentity, over?: Partial<ConnectOptions>): Promise<TestClient>;
  live(
    circle: RawCircle,
    over?: Partial<Parameters<typeof rawEpoch>[1]>,
  ): Promise<{ client: TestClient; epoch: RawEpoch }>;
  /** Ends the gateway and starts another one on the same data. `isKill`: without a last word. */
  restart(isKill?: boolean): Promise<void>;
  /** Starts again what a test ended by itself. `upstream`: where its feed stands in the journal. */
  relaunch(over?: { readonly upstream?: number }): Promise<void>;
  refusals(name: string): Promise<number>;
  metric(name: string, label?: string): Promise<number>;
  /** How often an alarm was raised, by the gateways before a restart too: each begins its counters at 0. */
  alarms(name: string): Promise<number>;
  end(): Promise<void>;
}

export interface WorldOptions {
  readonly settings?: Partial<GatewaySettings>;
  readonly fs?: FileSystem;
  readonly isTls?: boolean;
  /** The gateway's own, when it is to be wrong. */
  readonly clock?: Clock;
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), 'edge-'));
  const keys = createMemoryKeyStore(clock);
  const operator = createMessageSigner('ML-DSA-65', random(), crypto);
  const ledgerLog = await openLog({ dir: join(dir, 'ledger') });
  const real = await createLocalLedger({
    log: ledgerLog,
    crypto,
    signer: createMessageSigner('ML-DSA-65', random(), crypto),
    clock,
    genesis: { name: 'test', operatorKey: operator.key },
    blockDelayMs: 5,
  });
  const { ledgerId } = await real.identity();
  const counters = new Map<string, number>();
  const away = async <T>(task: () => Promise<T>): Promise<T> => {
    if (ledger.isAway) throw Object.assign(new Error('ledger-unreachable'), { code: 'ledger-unreachable' });
    return task();
  };
  const ledger: World['ledger'] = {
    ...real,
    isAway: false,
    submit: (...args) => away(() => real.submit(...args)),
    read: (...args) => away(() => real.read(...args)),
  };
  const acting = (signer: typeof operator, call: Parameters<typeof submitCall>[1]) => {
    const id = Buffer.from(signer.thumbprint).toString('hex');
    const counter = (counters.get(id) ?? 0) + 1;
    counters.set(id, counter);
    return submitCall(real, call, signAct(signer, ledgerId, call.fn, call.args, counter, clock.nowMs()));
  };
  const identity = await loadIdentity(keys, createSystemRandom(), crypto);
  await acting(operator, ledgerCalls.registerGateway(identity.key, 'default'));
  const tls = await loadTls(keys, createSystemRandom(), clock, ['localhost', '127.0.0.1']);
  const items: FeedItem[] = [];
  const lives: Metrics[] = [];
  const clients = new Set<TestClient>();

  const launch = async (upstream?: number) => {
    const journal = await openLog({
      dir: join(dir, 'journal'),
      ...(options.fs === undefined ? {} : { fs: options.fs }),
    });
    const catalogue = openSqliteCatalogue(join(dir, 'index.db'));
    const metrics = createMetrics('edge');
    lives.push(metrics);
    const broker = createAedesBroker({
      host: '127.0.0.1',
      ...(options.isTls === false ? {} : { tls: { port: 0, ...tls } }),
      plainPort: 0,
      limits: { maxConnections: 2_000, connectTimeoutMs: 2_000, keepaliveLimitS: 300, ...options.settings },
    });
    const gateway = createGateway(
      {
        crypto,
        wall: options.clock ?? clock,
        data: options.clock ?? clock,
        random: createSystemRandom(),
        logger: createSilentLogger(),
        metrics,
        journal,
        catalogue,
        keys,
        ledger,
        broker,
        feeds: [
          {
            give: (given) => {
              for (const { tail, ...item } of given)
                items.push(tail === undefined ? item : { ...item, message: concat(item.message, tail) });
            },
            upstream: () => upstream,
          },
        ],
      },
      { slowOpensBurst: 10_000, anchorPeriodMs: 1_000, nackPeriodMs: 600, ...options.settings },
    );
    const address = await gateway.start();
    return { journal, catalogue, metrics, gateway, address };
  };
  const stopAll = async (isKill: boolean) => {
    for (const client of clients) await client.end();
    clients.clear();
    await world.gateway.stop(isKill ? 0 : 2_000);
    await world.journal.close();
    world.catalogue.close();
  };
  const world: World = {
    dir,
    keys,
    ledger,
    items,
    ...(await launch()),
    async beacon() {
      const any = await world.connect({
        signer: createMessageSigner('ML-DSA-65', random(), crypto),
        transport: createMessageSigner('ML-DSA-44', random(), crypto),
        name: '',
      });
      const name = topic.beacon(world.address.gid);
      await any.subscribe(name);
      const beacon = await any.next((t) => t === name);
      await any.end();
      parseSigned(beacon, 'beacon');
      return beacon;
    },
    async circle() {
      const circle = rawCircle([identity.thumbprint], crypto, random);
      const { body } = parseSigned(circle.manifest, 'manifest');
      const saltedKeyHash = crypto.sha256(random());
      await acting(
        circle.owner.signer,
        ledgerCalls.registerDevice(body.pseudonym, circle.owner.signer.key, saltedKeyHash, crypto),
      );
      await submitCall(real, ledgerCalls.putManifest(circle.manifest, circle.owner.signer.key));
      const agent = await world.connect(circle.owner);
      if (!(await agent.publish(circle.device.topics.e, circle.endorse))) throw new Error('endorse was refused');
      if (!(await agent.publish(circle.device.topics.m, circle.manifest))) throw new Error('manifest was refused');
      await agent.end();
      return circle;
    },
    async connect(who, over = {}) {
      const name = who.name === '' ? undefined : who.name;
      const { deviceText } = await import('@pulseseal/protocol');
      const client = await connectClient(
        { ...who, name: name ?? deviceText(who.signer.thumbprint) },
        {
          port: (over.isTls === true ? world.address.tlsPort : world.address.plainPort) ?? 0,
          gateway: identity.thumbprint,
          crypto,
          ...over,
        },
      );
      clients.add(client);
      return client;
    },
    async live(circle, over = {}) {
      const beacon = over.beacon ?? (await world.beacon());
      const client = await world.connect(circle.device);
      await client.subscribe(circle.device.topics.d);
      const epoch = await rawEpoch(circle, { beacon, ...over }, crypto, random);
      if (!(await client.publish(circle.device.topics.o, epoch.opening))) throw new Error('the open was refused');
      if (!(await client.publish(circle.device.topics.o, epoch.keys))) throw new Error('the keys were refused');
      await client.next((t, p) => t === circle.device.topics.d && epoch.read(p).mt === 16);
      return { client, epoch };
    },
    async restart(isKill = false) {
      await stopAll(isKill);
      Object.assign(world, await launch());
    },
    async relaunch({ upstream } = {}) {
      Object.assign(world, await launch(upstream));
    },
    async refusals(name) {
      return world.metric('edge_refusals_total', name);
    },
    async metric(name, label) {
      return read(world.metrics, name, label);
    },
    async alarms(name) {
      const counts = await Promise.all(lives.map((life) => read(life, 'edge_alarms_total', name)));
      return counts.reduce((sum, count) => sum + count, 0);
    },
    async end() {
      await stopAll(true);
      await real.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
  return world;
}

async function read(metrics: Metrics, name: string, label?: string): Promise<number> {
  for (const line of (await metrics.text()).split('\n')) {
    if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue;
    if (label === undefined || line.includes(`="${label}"`)) return Number(line.split(' ').at(-1));
  }
  return 0;
}

export const nodeFileSystem = createNodeFileSystem;
export const until = async (test: () => boolean | Promise<boolean>, waitMs = 5_000): Promise<void> => {
  const endMs = Date.now() + waitMs;
  while (!(await test())) {
    if (Date.now() > endMs) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
