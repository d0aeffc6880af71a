import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCursor } from '@pulseseal/log';
import { ehOf, parseFrame } from '@pulseseal/protocol';
import { createSilentLogger, createSystemClock } from '@pulseseal/runtime';
import { afterAll, describe, expect, it } from 'vitest';
import { createJournal } from '../src/journal.ts';
import { type CiphertextStore, openInfluxStore, type StoredRow } from '../src/mod.ts';
import { createStoreFiller } from '../src/store/filler.ts';
import { rawEpoch } from './raw-device.ts';
import { storeContract } from './store.contract.ts';
import { createWorld, crypto, random, until, type World } from './world.ts';

/** Frames that a gateway took, as its journal holds them; two to a millisecond in what the store is given. */
async function realRows(world: World, count: number): Promise<StoredRow[]> {
  const circle = await world.circle();
  const beacon = await world.beacon();
  const { client } = await world.live(circle, { beacon });
  const epoch = await rawEpoch(circle, { beacon, epoch: 2 }, crypto, random);
  await client.publish(circle.device.topics.o, epoch.opening);
  await client.publish(circle.device.topics.o, epoch.keys);
  const frames = Array.from({ length: count }, (_, i) =>
    epoch.frame({ st: i % 8 === 7 ? 0 : 1, ft: i % 8 === 7 ? 2 : 1 }),
  );
  await Promise.all(frames.map((frame) => client.publish(circle.device.topics.u, frame.raw)));
  const eh = Buffer.from(ehOf(epoch.oh)).toString('hex');
  const rows = await world.gateway.store.segment(circle.device.name, eh, 0);
  expect(rows.map((r) => Buffer.from(r.frame).toString('hex'))).toEqual(
    frames.map((f) => Buffer.from(f.raw).toString('hex')),
  );
  return rows;
}

/** A backlog of the older epoch comes while the newer one goes on; no two frames in one millisecond. */
async function wovenRows(world: World): Promise<StoredRow[]> {
  const circle = await world.circle();
  const older = await world.live(circle, { epoch: 1 });
  const newer = await world.live(circle, { epoch: 2 });
  for (let i = 0; i < 40; i++) {
    const epoch = i % 8 === 5 || (i >= 10 && i < 16) ? older.epoch : newer.epoch;
    expect(await newer.client.publish(circle.device.topics.u, epoch.frame().raw)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  const rows = [older, newer].map(({ epoch }) =>
    world.gateway.store.segment(circle.device.name, Buffer.from(ehOf(epoch.oh)).toString('hex'), 0),
  );
  const woven = (await Promise.all(rows)).flat().sort((a, b) => a.arrivedMs - b.arrivedMs);
  expect(new Set(woven.map(({ arrivedMs }) => arrivedMs)).size).toBe(40);
  return woven;
}

storeContract('embedded, over the journal', async () => {
  const world = await createWorld();
  return {
    store: world.gateway.store,
    rows: (count) => realRows(world, count),
    woven: () => wovenRows(world),
    end: () => world.end(),
  };
});

it('a frame that the served store never takes is counted and passed over: those behind it go on', async () => {
  const world = await createWorld({ settings: { maxFrameBytes: 65_536 } });
  try {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle);
    const payload = new Uint8Array([0x59, 0xbb, 0x80, ...new Uint8Array(48_000)]);
    const [first, large, last] = [epoch.frame(), epoch.frame({ payload }), epoch.frame()];
    for (const { raw } of [first, large, last]) expect(await client.publish(circle.device.topics.u, raw)).toBe(true);
    const taken: number[] = [];
    const nothing = async () => [];
    const { mostFrameBytes, put } = await openInfluxStore({ url: 'http://127.0.0.1:1/nowhere' });
    const store: CiphertextStore = {
      mostFrameBytes: mostFrameBytes!,
      async put(rows) {
        taken.push(...rows.map(({ seq }) => seq));
      },
      query: nothing,
      segment: nothing,
      frame: async () => undefined,
      close: async () => {},
    };
    const cursor = await openCursor(join(world.dir, 'served.cursor'));
    const clock = createSystemClock();
    let passed = 0;
    const journal = createJournal(world.journal, clock);
    const filler = createStoreFiller(
      { store, cursor },
      journal,
      world.catalogue,
      clock,
      createSilentLogger(),
      (rows) => {
        passed += rows;
      },
    );
    await until(() => taken.includes(last.seq));
    expect([taken, passed]).toEqual([[first.seq, last.seq], 1]);
    filler.stop();
    await filler.caughtUp();
    await cursor.close();
    const eh = Buffer.from(ehOf(epoch.oh)).toString('hex');
    const row = await world.gateway.store.frame(circle.device.name, eh, large.seq);
    await expect(put([row!])).rejects.toMatchObject({ code: 'store-frame-too-long' });
  } finally {
    await world.end();
  }
});

const influxd = spawnSync('influxd', ['version']).status === 0;
if (!influxd) console.warn('SKIPPED: no influxd on PATH; the store contract ran on the embedded store alone');

describe.skipIf(!influxd)('InfluxDB 1.x', () => {
  const servers: InfluxServer[] = [];
  afterAll(async () => {
    for (const server of servers) await server.end();
  });

  storeContract('InfluxDB', async () => {
    const world = await createWorld();
    const server = await startInflux();
    servers.push(server);
    const store = await openInfluxStore({ url: `${server.url}/frames` });
    return {
      store,
      rows: (count) => realRows(world, count),
      woven: () => wovenRows(world),
      end: () => world.end(),
    };
  });

  it('is filled from the journal after its outage, each frame once', async () => {
    const world = await createWorld();
    const server = await startInflux();
    servers.push(server);
    const store = await openInfluxStore({ url: `${server.url}/late` });
    const cursor = await openCursor(join(world.dir, 'influx.cursor'));
    const clock = createSystemClock();
    const filler = createStoreFiller(
      { store, cursor },
      createJournal(world.journal, clock),
      world.catalogue,
      clock,
      createSilentLogger(),
    );
    const rows = await realRows(world, 20);
    await filler.caughtUp();
    await server.stop();
    const later = await realRows(world, 30);
    await new Promise((resolve) => setTimeout(resolve, 700));
    await server.start();
    await filler.caughtUp();
    for (const all of [rows, later]) {
      const stored = await store.segment(all[0]!.device, all[0]!.eh, 0);
      expect(stored.map((r) => r.seq)).toEqual(all.map((r) => r.seq));
      expect(parseFrame(stored[0]!.frame).seq).toBe(all[0]!.seq);
    }
    filler.stop();
    await until(() => cursor.position === world.journal.endPosition);
    await cursor.close();
    await world.end();
  });
});

interface InfluxServer {
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  end(): Promise<void>;
}

/** A real influxd on loopback, its own folder and configuration. */
async function startInflux(): Promise<InfluxServer> {
  const dir = await mkdtemp(join(tmpdir(), 'influx-'));
  const [http, rpc] = [await freePort(), await freePort()];
  const config = join(dir, 'influxdb.conf');
  await writeFile(
    config,
    [
      'reporting-disabled = true',
      `bind-address = "127.0.0.1:${rpc}"`,
      `[meta]\n  dir = "${dir}/meta"`,
      `[data]\n  dir = "${dir}/data"\n  wal-dir = "${dir}/wal"`,
      `[http]\n  bind-address = "127.0.0.1:${http}"\n  log-enabled = false`,
      '[monitor]\n  store-enabled = false',
      '[continuous_queries]\n  enabled = false',
    ].join('\n'),
  );
  let child: ChildProcess | undefined;
  const url = `http://127.0.0.1:${http}`;
  const server: InfluxServer = {
    url,
    async start() {
      child = spawn('influxd', ['-config', config], { stdio: 'ignore', env: { ...process.env, HOME: dir } });
      await until(async () => (await fetch(`${url}/ping`).catch(() => undefined))?.status === 204, 20_000);
    },
    async stop() {
      const ended = new Promise((resolve) => child?.once('exit', resolve));
      child?.kill('SIGTERM');
      await ended;
      child = undefined;
    },
    async end() {
      if (child !== undefined) await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
  await server.start();
  return server;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
