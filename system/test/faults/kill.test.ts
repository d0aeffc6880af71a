import { isLong, longFactor } from '@pulseseal/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { EdgeAccount } from '../../src/start/totals.ts';
import { createEdgeGround, type EdgeGround } from '../support/edge-process.ts';
import { judge, readDeviceAccounts, readJournal } from '../support/fault-checker.ts';
import { createFaultFleet, type FaultFleet } from '../support/fault-fleet.ts';
import { eventually, rest, say, seededRun } from '../support/fault-run.ts';

/** `npm test` kills 6 times, the long run 10 times as often, so at least 50 times. */
const KILLS = isLong() ? Math.max(50, 6 * Math.min(longFactor(), 10)) : 6;
const PAUSES = isLong() ? 12 : 2;
/** Data time per wall time: more frames in the same time. */
const SPEED = 4;

describe('the gateway process under load', () => {
  let ground: EdgeGround;
  let devices: FaultFleet;
  const random = seededRun(`${KILLS} kills and ${PAUSES} pauses of the gateway`);

  beforeAll(async () => {
    const scale = { originMs: Date.now(), speed: SPEED };
    ground = await createEdgeGround({ scale });
    devices = await createFaultFleet({
      dir: ground.dir,
      people: 3,
      seed: 7,
      scale,
      brokerPort: ground.brokerPort,
      gateway: ground.ready.gateway,
      ledger: ground.ledger,
      device: { segmentMs: 3_000, heartbeatMs: 1_000 },
    });
    devices.fleet.start();
    await eventually('live', () => devices.fleet.members.every((m) => m.device.state === 'live'), 30_000);
  }, 90_000);
  afterAll(async () => {
    await devices?.stop();
    await ground?.end();
  });

  it(`loses nothing, stores nothing twice and asks for no new handshake over ${KILLS} kill -9 and ${PAUSES} pauses`, async () => {
    const chance = (least: number, most: number) => least + random.unit() * (most - least);
    let early = 0;
    for (let i = 0; i < KILLS; i++) {
      await rest(chance(50, 1_200));
      if (i % Math.ceil(KILLS / PAUSES) === 1) {
        // Longer than a device waits for an answer: it sends again what the sleeper will still take.
        ground.pause();
        await rest(chance(500, i === 1 ? 5_500 : 3_000));
        ground.goOn();
        await rest(chance(0, 300));
      }
      await ground.kill();
      // Now and then again while it is still coming up.
      if (random.unit() < 0.25) {
        early++;
        const start = ground.start();
        await rest(chance(100, 1_500));
        await ground.kill();
        await start;
      }
      await ground.start();
    }
    await rest(1_500);
    expect(await devices.fleet.drain(30_000)).toBe(true);
    await ground.call('anchorNow');
    await eventually('anchored', () => ground.call<boolean>('isSettled'), 10_000);
    const account = await ground.call<EdgeAccount>('account');
    const own = devices.fleet.account();
    await ground.kill();

    const claims = readDeviceAccounts(devices.folder);
    const journal = await readJournal(ground.journalDir);
    const verdict = judge(claims, journal);
    say(
      `killed ${KILLS} times and ${early} times while starting; sent ${verdict.sent}, acknowledged ${verdict.acknowledged}, stored ${verdict.stored}`,
    );
    expect(verdict).toMatchObject({ lost: [], unaccounted: [], doubled: 0, disorder: [], unsealed: [] });
    expect(verdict.acknowledged).toBe(verdict.sent);
    expect(verdict.sent).toBeGreaterThan(KILLS * 20);
    expect(journal.damaged).toBe(0);
    // One opening a device in the journal and one epoch in its own account: no handshake but the first.
    expect(claims.map((epoch) => epoch.device).sort()).toEqual(devices.fleet.members.map((m) => m.name).sort());
    expect([...journal.openings.values()]).toEqual(devices.fleet.members.map(() => 1));

    // The gateway's own totals say the same as the devices' accounts and as the raw journal.
    const count = (sets: EdgeAccount['stored']) => [...sets.values()].flat().reduce((sum, [, n]) => sum + n, 0);
    expect(count(account.stored)).toBe(own.acknowledged);
    expect(count(account.stored)).toBe(verdict.stored);
    expect(count(account.sealed)).toBe(own.sent);
    expect(count(account.anchored)).toBe(own.sent);
    expect(account.duplicates).toBe(0);
    for (const { device, epochs } of own.devices)
      for (const epoch of epochs) expect(account.stored.get(`${device}.${epoch.eh}`)).toEqual(epoch.acknowledged);
  }, 900_000);
});
