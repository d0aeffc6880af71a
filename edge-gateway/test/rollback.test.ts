import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { treeHeadRecord } from '@pulseseal/ledger';
import { logId } from '@pulseseal/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TestClient } from './client.ts';
import type { RawCircle, RawEpoch } from './raw-device.ts';
import { createWorld, crypto, until, type World } from './world.ts';

const FILES = ['journal', 'index.db', 'index.db-wal', 'index.db-shm'];

describe('a folder restored from an older copy', () => {
  let world: World;
  let circle: RawCircle;
  beforeEach(async () => {
    world = await createWorld();
    circle = await world.circle();
  });
  afterEach(() => world.end());

  const stop = async (finishMs = 2_000) => {
    await world.gateway.stop(finishMs);
    await world.journal.close();
    world.catalogue.close();
  };
  const copy = async (from: string, to: string) => {
    for (const name of FILES) {
      await rm(join(world.dir, to, name), { recursive: true, force: true });
      await cp(join(world.dir, from, name), join(world.dir, to, name), { recursive: true, force: true }).catch(
        () => {},
      );
    }
  };
  const segment = async ({ client, epoch }: { client: TestClient; epoch: RawEpoch }) => {
    for (let i = 0; i < 5; i++) expect(await client.publish(circle.device.topics.u, epoch.frame().raw)).toBe(true);
    expect(await client.publish(circle.device.topics.c, epoch.close().ctl)).toBe(true);
  };
  const back = async (epoch: RawEpoch) => {
    const client = await world.connect(circle.device);
    await client.subscribe(circle.device.topics.d);
    return { client, epoch };
  };
  const anchored = async () => {
    const bytes = await world.ledger.read('GetTreeHead', [logId(world.address.thumbprint, 'default', crypto)]);
    return treeHeadRecord.parse(bytes!);
  };
  const alarms = () => world.metric('edge_alarms_total', 'log-rolled-back');

  it('is named, takes frames on, and signs no second history; the newest copy goes on where it was', async () => {
    const { client, epoch } = await world.live(circle);
    await segment({ client, epoch });
    await world.gateway.finishEvidence(5_000);
    await stop();
    await copy('.', 'older');
    await world.relaunch();
    const later = await back(epoch);
    for (let i = 0; i < 3; i++) await segment(later);
    await world.gateway.finishEvidence(5_000);
    const before = await anchored();
    await stop();
    await copy('.', 'newest');
    await copy('older', '.');
    await world.relaunch();
    await until(async () => (await alarms()) === 1);
    expect(await world.metric('edge_log_rolled_back')).toBe(1);
    const head = world.catalogue.lastSth()!;
    expect(head.size).toBeLessThan(before.size);

    // Another epoch: taken and acknowledged, entered into the log, and no head over it.
    const { client: again, epoch: fresh } = await world.live(circle, { epoch: 9 });
    await segment({ client: again, epoch: fresh });
    expect(world.catalogue.entryCount).toBeGreaterThan(head.size);
    await world.gateway.finishEvidence(500);
    expect(world.catalogue.lastSth()!.size).toBe(head.size);
    expect(await anchored()).toEqual(before);

    await stop(0);
    await copy('newest', '.');
    await world.relaunch();
    await segment(await back(epoch));
    await world.gateway.finishEvidence(5_000);
    expect(await alarms()).toBe(0);
    expect((await anchored()).size).toBeGreaterThan(before.size);
  });

  it('asks again for what it acknowledged and holds no more: the close names it', async () => {
    const { client, epoch } = await world.live(circle);
    await stop();
    await copy('.', 'older');
    await world.relaunch();
    const later = await back(epoch);
    for (let i = 0; i < 3; i++)
      expect(await later.client.publish(circle.device.topics.u, epoch.frame().raw)).toBe(true);
    await stop(0);
    await copy('older', '.');
    await world.relaunch();
    const now = await back(epoch);
    expect(await now.client.publish(circle.device.topics.u, epoch.frame().raw)).toBe(true);
    expect(await now.client.publish(circle.device.topics.c, epoch.close().ctl)).toBe(true);
    await now.client.next((topic, bytes) => topic === circle.device.topics.d && epoch.read(bytes).mt === 17);
    expect([...world.gateway.account()].flatMap(({ sealed }) => sealed)).toEqual([]);
    await client.end();
  });

  it('with all entries, and without the head that the ledger took, adopts that head and goes on', async () => {
    const { client, epoch } = await world.live(circle);
    await segment({ client, epoch });
    world.ledger.isAway = true;
    await stop(0);
    await copy('.', 'older');
    world.ledger.isAway = false;
    await world.relaunch();
    await world.gateway.finishEvidence(5_000);
    const before = await anchored();
    await stop();
    await copy('older', '.');
    await world.relaunch();
    await segment(await back(epoch));
    await world.gateway.finishEvidence(5_000);
    expect(await alarms()).toBe(0);
    expect((await anchored()).size).toBeGreaterThan(before.size);
    expect(await world.metric('edge_unanchored_entries')).toBe(0);
  });
});
