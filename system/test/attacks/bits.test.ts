import { ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import {
  ackKey,
  attempt,
  CTL,
  ehOf,
  encodeBulk,
  encodeBye,
  encodeKeys,
  encodeLost,
  encodeOpening,
  encodeRepair,
  openRack,
  parseMessage,
  parseSigned,
  sealRack,
  signBody,
  topic,
} from '@pulseseal/protocol';
import { isLong } from '@pulseseal/testkit';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type TestClient, testIdentity } from '../../../edge-gateway/test/client.ts';
import { type RawCircle, type RawEpoch, rawEpoch } from '../../../edge-gateway/test/raw-device.ts';
import { createWorld, crypto, random, type World } from '../../../edge-gateway/test/world.ts';
import { flips, volley } from '../support/volley.ts';

// A device, a reader and an owner may speak a few times: here thousands of messages must come as far as their check.
vi.mock('../../../edge-gateway/src/limits.ts', async (original) => ({
  ...(await original<object>()),
  OPENS_BURST: 1e6,
  OPENS_PER_S: 1e6,
  PAPERS_BURST: 1e6,
  PAPERS_PER_S: 1e6,
  RACKS_BURST: 1e6,
  RACKS_PER_S: 1e6,
}));

/** One flipped bit of each kind of message, at the real door: the genuine one is taken, no altered one is. */
describe(`one flipped bit at the gateway's door${isLong() ? '' : ' (sampled; all: npm run test:long)'}`, () => {
  let world: World;
  let beacon: Uint8Array;
  let circle: RawCircle;
  let client: TestClient;
  let epoch: RawEpoch;
  beforeAll(async () => {
    world = await createWorld({
      settings: {
        refusalsPerWindow: 1_000,
        refusalWindowMs: 1_000,
        earlyFrameMs: 100,
        framesPerS: 1_000_000,
        framesBurst: 4_000_000,
        slowOpensPerS: 10_000,
        slowOpensBurst: 100_000,
        nackPeriodMs: 60_000,
        banMs: 0,
      },
    });
    beacon = await world.beacon();
    circle = await world.circle();
    ({ client, epoch } = await world.live(circle, { beacon }));
  });
  afterAll(() => world.end());

  /** Volleys of a size that three refusals in a window do not end the connection. */
  const noneTaken = async (
    who: () => Promise<TestClient>,
    where: string,
    altered: readonly Uint8Array[],
    genuine: { readonly topic: string; readonly bytes: Uint8Array },
  ) => {
    for (let at = 0; at < altered.length; at += 900) {
      const connection = await who();
      const { acknowledged } = await volley(connection, where, altered.slice(at, at + 900), genuine);
      expect(
        [...acknowledged].map((i) =>
          Buffer.from(altered[at + i]!)
            .toString('hex')
            .slice(0, 80),
        ),
      ).toEqual([]);
      await connection.end();
    }
  };
  const device = async () => {
    client = await world.connect(circle.device);
    await client.subscribe(circle.device.topics.d);
    return client;
  };
  const storedOf = (name: string) => [...world.gateway.account()].filter((a) => a.device === name);

  it.each([0, 1, 2, 3] as const)(
    'frame of kind %s',
    async (ft) => {
      const { u } = circle.device.topics;
      const { raw } = epoch.frame(ft === 2 ? { ft, st: 0 } : { ft });
      const before = storedOf(circle.device.name);
      const altered = flips(raw);
      expect(altered.length).toBe(raw.length * 8);
      await noneTaken(device, u, altered, { topic: u, bytes: raw });
      const after = storedOf(circle.device.name);
      expect(after[0]!.stored[0]![1]).toBe((before[0]?.stored[0]?.[1] ?? 0) + 1);
    },
    120_000,
  );

  it('ctl: close, repair, bye and bulk', async () => {
    const { c } = circle.device.topics;
    const close = epoch.close();
    const messages = [
      epoch.ctl(CTL.bye, encodeBye({ reason: 0, backInMs: 5_000 })),
      epoch.ctl(CTL.repair, encodeRepair({ segment: 0, leaves: [{ seq: 1, leaf: epoch.leaves[0]! }] })),
      epoch.ctl(CTL.bulk, encodeBulk([epoch.frame().raw])),
      close.ctl,
    ];
    for (const message of messages) await noneTaken(device, c, flips(message), { topic: c, bytes: message });
    expect(await world.metric('edge_closes_total')).toBe(1);
  }, 1_800_000);

  it('opening: nothing is opened, whatever bit it was; a wrong tag of the fast lane only costs the lane', async () => {
    const own = await world.circle();
    const next = await rawEpoch(own, { beacon, boot: 1, epoch: 1 }, crypto, random);
    const { o } = own.device.topics;
    const login = () => world.connect(own.device);
    const opens = () => world.metric('edge_log_entries_total');
    const before = await opens();
    await noneTaken(login, o, flips(next.opening), { topic: o, bytes: encodeLost(random().slice(0, 16)) });
    const connection = await login();
    expect(await connection.publish(o, next.opening)).toBe(true);
    // The signed words came as far as the signature, and it alone refused most of them.
    expect(await world.refusals('signature-invalid')).toBeGreaterThan(1_000);
    expect(await opens()).toBe(before + 1);
    // Keys are held to the hashes that the device signed.
    await noneTaken(login, o, flips(next.keys), { topic: o, bytes: next.keys });
    const later = await rawEpoch(own, { beacon, epoch: 2, pre: next }, crypto, random);
    const tag = flips(later.opening, (byte) => byte < later.opening.length - 8);
    const again = await login();
    const slow = await world.metric('edge_opens_total', 'slow');
    expect(await again.publish(o, tag[0]!)).toBe(true);
    expect(await world.metric('edge_opens_total', 'slow')).toBe(slow + 1);
  }, 1_800_000);

  it('manifest and endorse', async () => {
    const agent = () => world.connect(circle.owner);
    const { e, m } = circle.device.topics;
    const { body } = parseSigned(circle.manifest, 'manifest');
    const newer = signBody(
      'manifest',
      { ...body, version: 2, previous: crypto.sha256(circle.manifest) },
      circle.owner.signer,
    );
    await noneTaken(agent, m, flips(newer), { topic: m, bytes: circle.manifest });
    await noneTaken(agent, e, flips(circle.endorse), { topic: e, bytes: circle.endorse });
    expect(await (await agent()).publish(m, newer)).toBe(true);
  }, 1_800_000);

  it('rack: passed on unread, and of all that come through the device opens only the genuine one', async () => {
    const reader = testIdentity('ML-DSA-65', crypto, random);
    const call = ledgerCalls.putRecipient(circle.recipient.rid, reader.signer.key, random(), Date.now() + 1e8);
    const { ledgerId } = await world.ledger.identity();
    await submitCall(world.ledger, call, signAct(reader.signer, ledgerId, call.fn, call.args, 1, Date.now()));
    const rid = Buffer.from(circle.recipient.rid).toString('hex');
    const mac = ackKey(epoch.oh, random(), crypto);
    const rack = sealRack({ rid: circle.recipient.rid, seq: 3, sg: 1, missing: 0, timeMs: Date.now() }, epoch.oh, mac);
    const listening = await device();
    const came: Uint8Array[] = [];
    listening.mqtt.on('message', (_t, payload) => came.push(Uint8Array.from(payload)));
    const a = topic.recipient(rid, 'a');
    const login = await world.connect(reader);
    const altered = flips(rack);
    await volley(login, a, altered, { topic: a, bytes: rack });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const opened = came.filter((bytes) => {
      const parsed = attempt(() => parseMessage(bytes));
      if (!parsed.ok || parsed.value.kind !== 'rack') return false;
      const message = parsed.value;
      return attempt(() => openRack(message, epoch.oh, mac)).ok;
    });
    expect(opened).toEqual([rack]);
    expect(came.length).toBeGreaterThan(1);
  }, 60_000);

  it('what only others say is denied at any bit: beacon, close without its ctl, keys on another channel', async () => {
    const { o, u, c } = circle.device.topics;
    const wrong: [string, Uint8Array][] = [
      [topic.beacon(world.address.gid), beacon],
      [c, epoch.close().bare],
      [u, encodeKeys(ehOf(epoch.oh), [new Uint8Array(1_300)])],
      [c, encodeOpening(epoch.open)],
      [o, beacon],
    ];
    for (const [where, bytes] of wrong) {
      const login = await device();
      expect([where, await login.publish(where, bytes, 1, 200)]).toEqual([where, false]);
      await login.end();
    }
  });
});
