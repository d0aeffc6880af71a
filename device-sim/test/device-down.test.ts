import { chestStrap } from '@pulseseal/firmware-profiles';
import {
  CLOSE_LAST,
  CTL,
  createMessageSigner,
  deviceText,
  ERR,
  encodeProgress,
  encodeRekey,
  OPEN_REASON,
  parseFrame,
  parseSigned,
  shardOf,
  signBody,
  topic,
  WANT,
} from '@pulseseal/protocol';
import { describe, expect, it } from 'vitest';
import { createWorld, type World } from './harness.ts';

const epochs = (world: World) => [...world.gateway.epochs];
const current = (world: World) => epochs(world).at(-1)!;
/** A device whose PUBACKs do not count (an external broker): only `progress` frees the spool. */
async function behindExternalBroker(): Promise<World> {
  const world = createWorld();
  world.link.tlsSpkiHash = () => undefined;
  await world.enrol();
  return world;
}

describe('acknowledgement', () => {
  it('comes by PUBACK only where the TLS key is the one in the beacon [CTL-3]', async () => {
    const world = await behindExternalBroker();
    world.sendHeart();
    await world.run(1000);
    const [eh] = current(world);
    expect(world.device.backlog).toBeGreaterThan(0);
    world.gateway.progress(eh);
    await world.run(100);
    expect(world.device.backlog).toBe(0);
    const [account] = world.device.account();
    expect(account!.acknowledged).toEqual([[1, account!.sent]]);
  });

  it('does not pass what the device never sealed, nor come under another key or an old counter [CTL-2]', async () => {
    const world = await behindExternalBroker();
    world.sendHeart();
    await world.run(1000);
    const [eh, epoch] = current(world);
    const content = encodeProgress({ seqBelow: 1_000_000 });
    const forged = world.gateway.ctl(eh, CTL.progress, content);
    forged[forged.length - 1]! ^= 1;
    world.gateway.send(forged);
    await world.run(100);
    expect(world.device.backlog).toBeGreaterThan(0);
    expect(world.device.counts.refusals['mac-fail']).toBe(1);
    world.gateway.send(world.gateway.ctl(eh, CTL.progress, encodeProgress({ seqBelow: 1 }), 2 ** 40));
    world.gateway.send(world.gateway.ctl(eh, CTL.progress, content));
    await world.run(100);
    expect(world.device.counts.refusals['stale-counter']).toBe(1);
    expect(world.device.backlog).toBeGreaterThan(0);
    world.gateway.send(world.gateway.ctl(eh, CTL.progress, content, 2 ** 41));
    await world.run(100);
    const [account] = world.device.account();
    expect(account!.acknowledged).toEqual([[1, account!.sent]]);
    expect(epoch.frames.size).toBeGreaterThanOrEqual(account!.sent);
  });

  it('resends what progress does not name, byte for byte [FRAME-3]', async () => {
    const world = await behindExternalBroker();
    world.sendHeart();
    await world.run(25_000);
    const [, epoch] = current(world);
    const counts = new Map<number, number>();
    for (const seq of epoch.arrivals) counts.set(seq, (counts.get(seq) ?? 0) + 1);
    expect(Math.max(...counts.values())).toBeGreaterThanOrEqual(2);
    expect(world.gateway.conflicts).toBe(0);
  });
});

describe('nack', () => {
  it('brings the frame again while it is there, its leaf when it is gone', async () => {
    const world = createWorld();
    await world.enrol();
    world.sendHeart();
    await world.until('a close', () => current(world)[1].closes.size >= 1, 20_000);
    const [eh, epoch] = current(world);
    const { body } = epoch.closes.get(0)!;
    epoch.leaves.delete(1);
    epoch.frames.delete(1);
    expect(world.gateway.sealed(eh)).not.toContain(body.segment);
    world.gateway.nack(eh, 0, WANT.frames, [{ first: 1, count: 1 }]);
    await world.run(200);
    // It was acknowledged, so only the leaf is left: the root is checkable, the gap proved to be one.
    expect(epoch.frames.has(1)).toBe(false);
    expect(world.gateway.sealed(eh)).toContain(0);
  });

  it('brings frames again that are still held', async () => {
    const world = await behindExternalBroker();
    world.sendHeart();
    await world.run(1000);
    const [eh, epoch] = current(world);
    const raw = Buffer.from(epoch.frames.get(2)!);
    epoch.frames.delete(2);
    world.gateway.nack(eh, 0, WANT.frames, [{ first: 2, count: 1 }]);
    await world.run(200);
    expect(Buffer.from(epoch.frames.get(2)!)).toEqual(raw);
  });

  it('is answered at most once in its period', async () => {
    const world = await behindExternalBroker();
    world.sendHeart();
    await world.run(1000);
    const [eh, epoch] = current(world);
    const before = epoch.arrivals.length;
    for (let i = 0; i < 20; i++) world.gateway.nack(eh, 0, WANT.frames, [{ first: 1, count: 2 }]);
    await world.run(1000);
    expect(epoch.arrivals.length - before).toBeLessThanOrEqual(3);
  });
});

describe('errors', () => {
  it('drop a frame only when the gateway proved itself', async () => {
    const world = await behindExternalBroker();
    world.sendHeart();
    await world.run(1000);
    const [eh] = current(world);
    const held = () => world.device.account().find((entry) => entry.eh === eh)!;
    world.gateway.err(eh, ERR.malformed, 2, true);
    await world.run(200);
    expect(held().refused).toEqual([]);
    world.gateway.err(eh, ERR.malformed, 2);
    await world.run(200);
    expect(held().refused).toEqual([[2, 1]]);
    // A copy may be about: a new epoch, once.
    expect(epochs(world).length).toBe(2);
  });

  it('weaken nothing as hints: unknown manifest and revoked are not obeyed', async () => {
    const world = createWorld();
    await world.enrol();
    const [eh] = current(world);
    const notices: string[] = [];
    world.device.onNotice((notice) => notices.push(notice.kind));
    world.gateway.err(eh, ERR.manifestUnknown, undefined, true);
    world.gateway.err(eh, ERR.revokedDevice, undefined, true);
    await world.run(500);
    expect(notices).not.toContain('manifest-unknown');
    expect(notices).not.toContain('revoked');
    expect(world.device.state).toBe('live');
    world.gateway.err(eh, ERR.revokedDevice);
    await world.run(500);
    expect(notices).toContain('revoked');
    expect(world.sendHeart()).toBe('stopped');
  });

  it('of a gateway that was set back make the device open the same epoch again, byte for byte', async () => {
    const world = createWorld();
    await world.enrol();
    const [eh, before] = current(world);
    const frames = before.frames.size;
    world.gateway.epochs.delete(eh);
    world.sendHeart(80);
    for (let i = 0; i < 20; i++) world.gateway.err(eh, ERR.unknownEpoch, undefined, true);
    await world.until('open again', () => world.gateway.epochs.has(eh));
    const [again, after] = current(world);
    expect(again).toBe(eh);
    expect(after.openBytes).toEqual(before.openBytes);
    await world.until('the frame', () => after.frames.size > 0);
    await world.run(1_000);
    expect(world.device.state).toBe('live');
    expect(Math.min(...after.frames.keys())).toBeGreaterThan(frames);
    expect(world.device.backlog).toBe(0);
  });

  it('make a stale device ask and jump to last + 1, within the bound only', async () => {
    const world = createWorld();
    await world.enrol();
    const [eh] = current(world);
    world.gateway.err(eh, ERR.staleCounter, undefined, true);
    await world.until('lost', () => world.gateway.lost.length === 1);
    const { device } = current(world)[1].open;
    world.gateway.resync(device, 7, 2 ** 21, world.gateway.lost[0]!);
    await world.run(500);
    expect(world.device.counts.refusals['counter-jump']).toBe(1);
    await world.run(61_000);
    world.gateway.err(eh, ERR.staleCounter, undefined, true);
    await world.until('lost again', () => world.gateway.lost.length === 2);
    world.gateway.resync(device, 7, 900, new Uint8Array(16));
    await world.run(300);
    expect(world.device.counts.refusals['nonce-mismatch']).toBe(1);
    world.gateway.resync(device, 7, 900, world.gateway.lost[1]!);
    await world.until('a new epoch', () => current(world)[1].open.epoch === 901);
    expect(current(world)[1].open.boot).toBe(8);
  });

  it('a jump beyond the bound comes from the owner alone [TIME-4]', async () => {
    const world = createWorld();
    await world.enrol();
    const { device } = current(world)[1].open;
    const far = { device, boot: 7, epoch: 2 ** 21, nonce: new Uint8Array(16), timeMs: Math.floor(world.clock.nowMs()) };
    const stranger = createMessageSigner('ML-DSA-65', world.random.bytes(32), world.crypto);
    world.agent.send(signBody('resync', far, stranger));
    await world.run(500);
    expect(world.device.counts.refusals['signature-invalid']).toBe(1);
    expect(epochs(world).length).toBe(1);
    world.agent.send(signBody('resync', far, world.owner));
    await world.until('a new epoch', () => current(world)[1].open.epoch === 2 ** 21 + 1);
    expect(current(world)[1].open.boot).toBe(8);
  });

  it('send the rest by bulk when the keys of an epoch are dropped', async () => {
    const world = await behindExternalBroker();
    for (let i = 0; i < 5; i++) world.sendHeart();
    await world.run(1000);
    const [eh, epoch] = current(world);
    const seen = new Map(epoch.frames);
    world.gateway.ctl(eh, CTL.rekey, encodeRekey({ reason: 1 }));
    world.gateway.send(world.gateway.ctl(eh, CTL.rekey, encodeRekey({ reason: 1 })));
    await world.until('a second epoch', () => epochs(world).length === 2 && world.device.state === 'live');
    world.gateway.dropKeys(eh);
    epoch.frames.clear();
    epoch.leaves.clear();
    epoch.closes.clear();
    const [now] = current(world);
    const about = new Uint8Array(Buffer.from(eh, 'hex'));
    const { encodeErr } = await import('@pulseseal/protocol');
    world.gateway.send(world.gateway.ctl(now, CTL.err, encodeErr({ code: ERR.useBulk, eh: about })));
    await world.until('the rest by bulk', () => epoch.closes.size > 0 && epoch.frames.size >= seen.size);
    for (const [seq, raw] of seen) expect(Buffer.from(epoch.frames.get(seq)!)).toEqual(Buffer.from(raw));
    world.gateway.progress(eh, { carrier: now });
    world.gateway.progress(now);
    await world.run(1500);
    expect(world.device.account().find((entry) => entry.eh === eh)!.held).toBe(0);
  });
});

describe('rekey', () => {
  it('is obeyed at most once in ten minutes', async () => {
    const world = createWorld();
    await world.enrol();
    const [eh] = current(world);
    world.gateway.send(world.gateway.ctl(eh, CTL.rekey, encodeRekey({ reason: 2 })));
    await world.until('a second epoch', () => epochs(world).length === 2 && world.device.state === 'live');
    expect(current(world)[1].open.reason).toBe(OPEN_REASON.rekey);
    const [next] = current(world);
    world.gateway.send(world.gateway.ctl(next, CTL.rekey, encodeRekey({ reason: 2 })));
    await world.run(5_000);
    expect(epochs(world).length).toBe(2);
  });
});

describe('beacons and manifests', () => {
  it('of an older serial or an unlisted gateway are refused [EPOCH-4]', async () => {
    const world = createWorld();
    await world.enrol();
    world.gateway.publishBeacon(5);
    await world.run(200);
    world.gateway.publishBeacon(4);
    await world.run(200);
    expect(world.device.counts.refusals).toMatchObject({ 'beacon-older': 1 });
    const stranger = createMessageSigner('ML-DSA-65', world.random.bytes(32), world.crypto);
    const foreign = signBody(
      'beacon',
      {
        gateway: stranger.thumbprint,
        serial: 9,
        validFromMs: 0,
        validUntilMs: 86_400_000,
        prekey: world.crypto.xwingKeyPair(world.random.bytes(32)).publicKey,
        suites: [1],
        limits: { maxFrameBytes: 16_384, maxCount: 4096, maxSegmentMs: 120_000, skewMs: 5000, maxRecipients: 16 },
        credentialHash: null,
        key: stranger.key,
        tlsSpkiHash: null,
      },
      stranger,
    );
    const gid = Buffer.from(world.gateway.gateway.slice(0, 8)).toString('hex');
    world.broker.publish(topic.beacon(gid), foreign);
    await world.run(200);
    expect(world.device.counts.refusals).toMatchObject({ 'gateway-not-listed': 1 });
  });

  it('make a new epoch for those it names, and end a gateway that it leaves out', async () => {
    const world = createWorld();
    await world.enrol();
    const second = world.recipient({ rid: new Uint8Array(8).fill(9), role: 0 });
    world.agent.send(world.manifest(2, { recipients: [world.recipient(), second] }));
    await world.until('epoch 2', () => epochs(world).length === 2 && world.device.state === 'live');
    expect(current(world)[1].open.manifestVersion).toBe(2);
    expect(current(world)[1].open.wrapHashes.length).toBe(2);
    expect(current(world)[1].open.reason).toBe(OPEN_REASON.manifest);
    world.agent.send(world.manifest(1));
    await world.run(1000);
    expect(world.device.counts.refusals['manifest-stale']).toBe(1);
    world.agent.send(world.manifest(3, { gateways: [new Uint8Array(32).fill(1)] }));
    await world.until('offline', () => world.device.state === 'offline');
    world.gateway.nack(current(world)[0], 0, WANT.frames, [{ first: 1, count: 1 }]);
    await world.run(500);
    expect(world.device.counts.refusals['unknown-epoch']).toBeGreaterThanOrEqual(1);
  });

  it.each(['gateway', 'local link'])('forged at the %s hold up no revocation by the other way', async (where) => {
    const world = createWorld();
    await world.enrol();
    const mallory = createMessageSigner('ML-DSA-65', world.random.bytes(32), world.crypto);
    const { body } = parseSigned(world.heldManifest(), 'manifest');
    const { thumbprint } = world.device;
    const topicM = topic.device(shardOf(thumbprint!, world.crypto), deviceText(thumbprint!), 'm');
    const hand = (bytes: Uint8Array, way: string) =>
      way === 'gateway' ? world.broker.publish(topicM, bytes) : world.agent.send(bytes);
    const forge = (i: number) => hand(signBody('manifest', { ...body, version: 1_000 + i }, mallory), where);
    for (let i = 0; i < 20; i++) {
      forge(i);
      await world.run(1_000);
    }
    const other = world.recipient({ rid: new Uint8Array(8).fill(9) });
    hand(world.manifest(2, { recipients: [other] }), where === 'gateway' ? 'local link' : 'gateway');
    for (let i = 0; i < 5; i++) {
      forge(i);
      await world.run(1_000);
    }
    expect(current(world)[1].open.manifestVersion).toBe(2);
    expect(world.device.state).toBe('live');
  });

  it('that retire the suite end the epoch too: nothing more is sealed to those whom they leave out', async () => {
    const world = createWorld();
    await world.enrol();
    const suite = chestStrap.suite;
    const other = world.recipient({ rid: new Uint8Array(8).fill(9) });
    world.agent.send(world.manifest(2, { suites: [suite === 1 ? 2 : 1], recipients: [other] }));
    await world.run(500);
    const [eh, first] = current(world);
    expect(world.device.state).toBe('idle');
    expect([...first.closes.values()].at(-1)!.body.last).toBe(CLOSE_LAST.manifest);
    const frames = first.frames.size;
    const sentMs = world.clock.nowMs();
    expect(world.sendHeart()).toBe('pending');
    await world.run(60_000);
    expect([epochs(world).length, first.frames.size]).toEqual([1, frames]);
    expect(world.device.counts.refusals['suite-refused']).toBe(1);
    expect(world.gateway.sealed(eh)).toEqual([...first.closes.keys()]);
    world.agent.send(world.manifest(3));
    // What waited for a minute comes as history, with its own time.
    await world.until('two epochs', () => epochs(world).length === 3 && world.device.state === 'live');
    const late = epochs(world).find(([, { open }]) => open.reason === OPEN_REASON.offline)!;
    expect(late[1].open.clock.t0Ms).toBe(sentMs);
    await world.until('all of it', () => world.gateway.sealed(late[0]).length === 1);
  });

  it('wrap to roles 1 and 2 alone once the manifest may have been withheld', async () => {
    const world = createWorld({ settings: { epochMs: 60_000 } });
    await world.enrol();
    const ordinary = world.recipient({ rid: new Uint8Array(8).fill(9), role: 0 });
    const archive = world.recipient({ rid: new Uint8Array(8).fill(8), role: 2 });
    const policy = { maxEpochS: 60, rekeyGraceS: 60, maxStaleS: 100 };
    world.agent.send(world.manifest(2, { recipients: [world.recipient(), ordinary, archive], policy }));
    await world.until('epoch 2', () => epochs(world).length === 2);
    const wrapped = () => current(world)[1].open.wrapHashes.map((hash) => hash !== null);
    expect(wrapped()).toEqual([true, true, true]);
    await world.run(130_000);
    expect(wrapped()).toEqual([true, false, true]);
  });
});

it('parses what it sent', async () => {
  const world = createWorld();
  await world.enrol();
  for (const raw of current(world)[1].frames.values()) expect(parseFrame(raw).gt.length).toBe(8);
});
