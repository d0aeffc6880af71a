import { OPEN_REASON } from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { createWorld, type World } from './harness.ts';
import { readEpoch } from './reader.ts';

const epochs = (world: World) => [...world.gateway.epochs];
const current = (world: World) => epochs(world).at(-1)![1];
/** Coefficients above the modulus: ML-KEM refuses the key (FIPS 203, section 7.2). */
const noKey = new Uint8Array(1216).fill(0xff);
const topicOfBeacon = (world: World) => `ps1/gw/${Buffer.from(world.gateway.gateway.slice(0, 8)).toString('hex')}/b`;

describe('a prekey that is no key', () => {
  it.each(['before', 'after'])('of a reader listed %s a good one takes the stream from nobody else', async (place) => {
    const world = createWorld();
    await world.enrol();
    const bad = world.recipient({ rid: new Uint8Array(8).fill(9), prekey: noKey });
    const recipients = place === 'before' ? [bad, world.recipient()] : [world.recipient(), bad];
    world.agent.send(world.manifest(2, { recipients }));
    await world.until('epoch 2', () => epochs(world).length === 2 && world.device.state === 'live');
    const epoch = current(world);
    expect(epoch.open.manifestVersion).toBe(2);
    expect(epoch.open.wrapHashes.map((hash) => hash === null)).toEqual([place === 'before', place === 'after']);
    expect(world.sendHeart(77)).toBe('kept');
    await world.run(1_000);
    const read = await readEpoch(world, epoch, world.heldManifest());
    expect(read.filter(({ ft }) => ft === 1).length).toBe(1);
    expect(world.notices.filter((kind) => kind === 'bad-prekey').length).toBe(1);
    expect(world.device.counts.refusals['prekey-refused']).toBe(1);
    world.agent.send(world.manifest(3));
    await world.until('epoch 3', () => epochs(world).length === 3 && world.device.state === 'live');
  });

  it('in a beacon makes that beacon refused, and the one before goes on', async () => {
    const world = createWorld({ settings: { epochMs: 30_000 } });
    await world.enrol();
    world.broker.publish(topicOfBeacon(world), world.gateway.beacon(2, { prekey: noKey }), true);
    await world.run(500);
    expect(world.device.counts.refusals['prekey-refused']).toBe(1);
    await world.until('the next epoch', () => epochs(world).length === 2 && world.device.state === 'live');
    expect(current(world).open.gatewayWrap).toBeDefined();
  });

  it('in the only beacon leaves the device to open offline and to take the next good one', async () => {
    const world = createWorld();
    await world.enrol();
    world.device.halt();
    const bad = world.gateway.beacon(2, { prekey: noKey });
    const state = JSON.parse(Buffer.from(world.flash.readState()!).toString()) as object;
    const beacon = { b: Buffer.from(bad).toString('base64') };
    world.flash.writeState(Buffer.from(JSON.stringify({ ...state, beacon })));
    world.broker.publish(topicOfBeacon(world), bad, true);
    world.reboot();
    await world.until('offline', () => world.device.state === 'offline', 10_000);
    expect(world.sendHeart()).toBe('kept');
    world.gateway.publishBeacon(3);
    await world.until('live', () => world.device.state === 'live');
  });
});

it('an epoch that could not be built is built later, with the samples that waited', async () => {
  let fails = 0;
  const world = createWorld({
    deviceCrypto: (native) => ({
      ...native,
      hpkeSeal: (...order) => (fails-- > 0 ? Promise.reject(new Error('no memory')) : native.hpkeSeal(...order)),
    }),
  });
  await world.enrol();
  fails = 1;
  world.agent.send(world.manifest(2));
  await world.run(500);
  expect(world.device.state).toBe('rotating');
  expect(world.sendHeart(99)).toBe('pending');
  await world.until('a new epoch', () => current(world).open.manifestVersion === 2 && world.device.state === 'live');
  expect(current(world).open.reason).toBe(OPEN_REASON.recovery);
  await world.run(1_000);
  const read = await readEpoch(world, current(world), world.heldManifest());
  expect(read.filter(({ ft }) => ft === 1).length).toBe(1);
});
