import { concat } from '@pulseseal/crypto';
import { ledgerCalls, signAct, submitCall } from '@pulseseal/ledger';
import {
  CTL,
  ehOf,
  encodeAsk,
  encodeBulk,
  encodeItem,
  encodeLost,
  encodeOpening,
  encodeUntaggedCtl,
  issueCwt,
  parseSigned,
  type RefusalName,
  signBody,
  topic,
} from '@pulseseal/protocol';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type TestClient, testIdentity } from '../../../edge-gateway/test/client.ts';
import { type RawCircle, type RawEpoch, rawCircle, rawEpoch } from '../../../edge-gateway/test/raw-device.ts';
import { createWorld, crypto, random, until, type World } from '../../../edge-gateway/test/world.ts';
import { refusedAs } from '../support/volley.ts';

const h = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const times = (hex: string, count: number) => concat(...Array.from({ length: count }, () => h(hex)));
const times1 = (byte: number, count: number) => new Uint8Array(count).fill(byte);
const settings = { refusalsPerWindow: 1_000, refusalWindowMs: 1_000, earlyFrameMs: 100, banMs: 0 };
const nowMs = () => Date.now();

/** What the gateway's own tests leave: each through the real broker, counted under its name. */
describe('refusals at the door that need another world', () => {
  let world: World;
  let beacon: Uint8Array;
  beforeAll(async () => {
    world = await createWorld({ settings });
    beacon = await world.beacon();
  });
  afterAll(() => world.end());
  const act = async (circle: RawCircle, call: Parameters<typeof submitCall>[1]) => {
    const { ledgerId } = await world.ledger.identity();
    await submitCall(world.ledger, call, signAct(circle.owner.signer, ledgerId, call.fn, call.args, 900, nowMs()));
  };
  const bodyOf = (circle: RawCircle) => parseSigned(circle.manifest, 'manifest').body;
  /** A reader that the ledger knows, for the circle's rid. */
  const readerOf = async (circle: RawCircle) => {
    const reader = testIdentity('ML-DSA-65', crypto, random);
    const call = ledgerCalls.putRecipient(circle.recipient.rid, reader.signer.key, random(), nowMs() + 1e8);
    const { ledgerId } = await world.ledger.identity();
    await submitCall(world.ledger, call, signAct(reader.signer, ledgerId, call.fn, call.args, 1, nowMs()));
    const a = topic.recipient(Buffer.from(circle.recipient.rid).toString('hex'), 'a');
    const client = await world.connect(reader);
    return { send: (bytes: Uint8Array) => client.publish(a, bytes, 1, 300) };
  };

  it('revoked-device: retired on the ledger, disconnected, and refused when it comes back', async () => {
    const circle = await world.circle();
    const { client } = await world.live(circle, { beacon });
    await act(circle, ledgerCalls.retireDevice(bodyOf(circle).pseudonym, circle.owner.signer.key));
    await until(() => !client.isOpen);
    const back = await world.connect(circle.device);
    const next = await rawEpoch(circle, { beacon, epoch: 2 }, crypto, random);
    await refusedAs(world, 'revoked-device', () => back.publish(circle.device.topics.o, next.opening, 1, 400));
    const agent = await world.connect(circle.owner);
    await refusedAs(world, 'revoked-device', () => agent.publish(circle.device.topics.e, circle.endorse, 1, 400));
  });

  it('expired, key-mismatch, topic-mismatch, wrong-typ: endorsements that name something else', async () => {
    const circle = await world.circle();
    const agent = await world.connect(circle.owner);
    const { topics } = circle.device;
    const endorse = (expiresMs: number, key = circle.device.signer.key) =>
      issueCwt('endorse', circle.owner.signer, key, { issuedMs: expiresMs - 10_000, expiresMs }, crypto);
    const send = (bytes: Uint8Array) => agent.publish(topics.e, bytes, 1, 300);
    await refusedAs(world, 'expired', () => send(endorse(nowMs() - 5_000)));
    const other = testIdentity('ML-DSA-44', crypto, random);
    await refusedAs(world, 'topic-mismatch', () => send(endorse(nowMs() + 1e6, other.signer.key)));
    const { body } = parseSigned(circle.endorse, 'endorse');
    const misnamed = { ...body, subject: other.signer.thumbprint };
    await refusedAs(world, 'key-mismatch', () => send(signBody('endorse', misnamed, circle.owner.signer)));
    const session = issueCwt(
      'session',
      circle.owner.signer,
      circle.device.signer.key,
      { issuedMs: nowMs(), expiresMs: nowMs() + 1e6 },
      crypto,
    );
    await refusedAs(world, 'wrong-typ', () => send(session));
  });

  it('scope-mismatch, unknown-epoch, use-bulk: opens, keys, frames and closes that fit nothing here', async () => {
    const circle = await world.circle();
    const client = await world.connect(circle.device);
    const { topics } = circle.device;
    const open = (changes: object) => rawEpoch(circle, { beacon, changes }, crypto, random);
    const send = (bytes: Uint8Array) => client.publish(topics.o, bytes, 1, 400);
    await refusedAs(world, 'scope-mismatch', async () =>
      send((await open({ wrapHashes: [random(), random()] })).opening),
    );
    await refusedAs(world, 'unknown-epoch', async () => send(encodeBare((await open({})).keys)));
    // An epoch older than the newest two has no keys here any more.
    const { epoch } = await world.live(circle, { beacon });
    const late = epoch.frame();
    await world.live(circle, { beacon, epoch: 2 });
    const { client: again } = await world.live(circle, { beacon, epoch: 3 });
    await refusedAs(world, 'use-bulk', () => again.publish(topics.u, late.raw, 1, 400));
    await refusedAs(world, 'use-bulk', () => again.publish(topics.c, epoch.close().ctl, 1, 400));
  });

  it('not-listed, unknown-epoch, rate, unknown-kind, topic-mismatch: what a recipient asks', async () => {
    const mine = await world.circle();
    const other = await world.circle();
    const { epoch } = await world.live(mine, { beacon });
    const { epoch: foreign } = await world.live(other, { beacon });
    const wait = () => new Promise((resolve) => setTimeout(resolve, 1_050));
    const { send } = await readerOf(mine);
    const ask = (eh: Uint8Array) => encodeAsk(eh, 4, null, []);
    expect(await send(ask(ehOf(epoch.oh)))).toBe(true);
    await refusedAs(world, 'rate', () => send(ask(ehOf(epoch.oh))));
    await wait();
    await refusedAs(world, 'not-listed', () => send(ask(ehOf(foreign.oh))));
    await wait();
    await refusedAs(world, 'unknown-epoch', () => send(ask(random().slice(0, 8))));
    await refusedAs(world, 'unknown-kind', () => send(encodeLost(random().slice(0, 16))));
    const rack = concat(
      h('88 1828 48'),
      ehOf(epoch.oh),
      h('48'),
      random().slice(0, 8),
      h('01 00 00 1903e8 48'),
      new Uint8Array(8),
    );
    await refusedAs(world, 'topic-mismatch', () => send(rack));
  }, 30_000);

  it('suite swap, a kid of another key, a foreign and a copied wrap: refused by name', async () => {
    const circle = await world.circle();
    const victim = await world.circle();
    const client = await world.connect(circle.device);
    const send = (bytes: Uint8Array) => client.publish(circle.device.topics.o, bytes, 1, 400);
    const open = (changes: object) => rawEpoch(circle, { beacon, changes }, crypto, random);
    // Suite 2 demands ML-DSA-65: the algorithm of the signature gives a swapped suite away before anything else.
    const swapped = (await open({})).open.slice();
    const { signature } = parseSigned(swapped, 'open');
    const suiteAt = swapped.length - signature.length - 4;
    expect([...swapped.subarray(suiteAt - 1, suiteAt + 1)]).toEqual([18, 1]);
    swapped[suiteAt] = 2;
    await refusedAs(world, 'algorithm-mismatch', () => send(encodeOpening(swapped)));
    const stolen = parseSigned((await rawEpoch(victim, { beacon }, crypto, random)).open, 'open').body.gatewayWrap!;
    await refusedAs(world, 'wrap-failed', async () => send((await open({ gatewayWrap: stolen })).opening));
    await refusedAs(world, 'beacon-foreign', async () => send((await open({ beaconHash: random() })).opening));
    const stranger = testIdentity('ML-DSA-44', crypto, random);
    const forged = await rawEpoch(circle, { beacon, signer: stranger.signer }, crypto, random);
    expect(await send(forged.opening)).toBe(false);
  });

  it('a frame, a control message and a close fit one epoch of one device alone', async () => {
    const circle = await world.circle();
    const other = await world.circle();
    const { epoch: first } = await world.live(circle, { beacon });
    const { client, epoch: second } = await world.live(circle, { beacon, epoch: 2, pre: first });
    const { client: stranger } = await world.live(other, { beacon });
    const { topics } = circle.device;
    const frame = second.frame().raw;
    const spliced = frame.slice();
    spliced.set(ehOf(first.oh), 3);
    await refusedAs(world, 'mac-fail', () => client.publish(topics.u, spliced, 1, 300));
    await refusedAs(world, 'unknown-epoch', () => stranger.publish(other.device.topics.u, frame, 1, 400));
    await refusedAs(world, 'topic-denied', () => stranger.publish(topics.u, frame, 1, 300));
    first.frame();
    const { bare, ctl } = first.close();
    await refusedAs(world, 'close-chain', () => client.publish(topics.c, second.ctl(CTL.close, bare), 1, 300));
    const moved = ctl.slice();
    moved.set(ehOf(second.oh), 3);
    await refusedAs(world, 'mac-fail', () => client.publish(topics.c, moved, 1, 300));
    expect(await client.publish(topics.u, frame)).toBe(true);
  });

  it('missing-field, duplicate-key, unknown-field, out-of-range: a control message whose tag is right and whose content is not', async () => {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle, { beacon });
    const contents: readonly (readonly [RefusalName, string])[] = [
      ['missing-field', 'a1 01 00'],
      ['duplicate-key', 'a3 01 00 01 00 02 80'],
      ['unknown-field', 'a3 01 00 02 80 09 00'],
      ['out-of-range', 'a2 01 1b001fffffffffffff 02 80'],
    ];
    for (const [name, content] of contents)
      await refusedAs(world, name, () =>
        client.publish(circle.device.topics.c, epoch.ctl(CTL.repair, h(content)), 1, 200),
      );
  });

  it('each way in which a frame fails its check gets the same answer, byte for byte', async () => {
    const circle = await world.circle();
    const { client, epoch } = await world.live(circle, { beacon });
    const { topics } = circle.device;
    const answers: Uint8Array[] = [];
    client.mqtt.on('message', (_t, payload) => answers.push(Uint8Array.from(payload)));
    const base = epoch.frame().raw;
    // Wrong tag, wrong ciphertext, wrong head: one sentence, and not a byte that tells them apart.
    for (const at of [base.length - 1, base.length - 12, 15, 20]) {
      const altered = base.slice();
      altered[at]! ^= 1;
      await client.publish(topics.u, altered, 1, 120);
    }
    await until(() => answers.length >= 4);
    const contents = answers.slice(0, 4).map((bytes) => Buffer.from(epoch.read(bytes).content).toString('hex'));
    expect(new Set(contents).size).toBe(1);
    expect(new Set(answers.slice(0, 4).map((bytes) => bytes.length)).size).toBe(1);
    expect(await client.publish(topics.u, base)).toBe(true);
  });
});

const encodeBare = (keys: Uint8Array) => {
  const other = keys.slice();
  other[5]! ^= 0xff;
  return other;
};

describe('a gateway with stricter bounds', () => {
  it('count-exceeded, then beacon-expired: an open over the limits of the beacon, and one under an old beacon', async () => {
    const strict = await createWorld({ settings: { ...settings, maxCount: 64, beaconLifeMs: 60_000 } });
    try {
      const circle = await strict.circle();
      const beacon = await strict.beacon();
      const client = await strict.connect(circle.device);
      const open = (maxFrames: number) => rawEpoch(circle, { beacon, changes: { maxFrames } }, crypto, random);
      const send = (bytes: Uint8Array) => client.publish(circle.device.topics.o, bytes, 1, 400);
      await refusedAs(strict, 'count-exceeded', async () => send((await open(65)).opening));
      const good = await open(64);
      const now = Date.now.bind(Date);
      const later = vi.spyOn(Date, 'now').mockImplementation(() => now() + 61_000);
      await refusedAs(strict, 'beacon-expired', () => send(good.opening));
      later.mockRestore();
      expect(await send(good.opening)).toBe(true);
    } finally {
      await strict.end();
    }
  });
});

describe('replay', () => {
  it('after kill, after a restart and at another gateway: nothing is stored twice or opened again', async () => {
    const here = await createWorld({ settings });
    const there = await createWorld({ settings });
    try {
      const { circle, epoch, messages } = await lived(here, there);
      const { topics } = circle.device;
      const before = [...here.gateway.account()].filter((a) => a.device === circle.device.name);
      expect(before[0]!.stored).toEqual([[1, 40]]);
      for (const isKill of [true, false]) {
        await here.restart(isKill);
        const given = here.items.length;
        const client = await here.connect(circle.device);
        // Acknowledged again, since they are on disk; nothing else happens.
        for (const [where, bytes] of messages) expect(await client.publish(topics[where], bytes, 1, 3_000)).toBe(true);
        const after = [...here.gateway.account()].filter((a) => a.device === circle.device.name);
        expect(after.map((a) => ({ stored: a.stored, doubled: a.doubled }))).toEqual([
          { stored: [[1, 40]], doubled: 0 },
        ]);
        expect(here.items.slice(given).filter((item) => item.message[0] === 0x88)).toEqual([]);
        expect(await here.metric('edge_frames_total', 'data')).toBe(0);
        await client.end();
      }
      const stranger = await there.connect(circle.device);
      const [opening, keys, ...rest] = messages;
      await refusedAs(there, 'beacon-foreign', () => stranger.publish(topics.o, opening![1], 1, 400));
      await refusedAs(there, 'unknown-epoch', () => stranger.publish(topics.o, keys![1], 1, 400));
      for (const [where, bytes] of rest.slice(0, 3))
        await refusedAs(there, 'unknown-epoch', () => stranger.publish(topics[where], bytes, 1, 400));
      expect([...there.gateway.account()].filter((a) => a.stored.length > 0)).toEqual([]);
      // The older epoch cannot be opened again under its own pair by somebody who kept its bytes.
      const second = await here.live(circle, { epoch: 2, pre: epoch });
      await refusedAs(here, 'stale-counter', () => second.client.publish(topics.o, opening![1], 1, 400));
    } finally {
      await here.end();
      await there.end();
    }
  }, 60_000);

  /** A device whose owner named both gateways, with all that it ever sent to the first. */
  async function lived(here: World, there: World) {
    const circle = rawCircle([here.address.thumbprint, there.address.thumbprint], crypto, random);
    for (const world of [here, there]) {
      const { ledgerId } = await world.ledger.identity();
      const key = circle.owner.signer.key;
      const { pseudonym } = parseSigned(circle.manifest, 'manifest').body;
      const call = ledgerCalls.registerDevice(pseudonym, key, random(), crypto);
      await submitCall(world.ledger, call, signAct(circle.owner.signer, ledgerId, call.fn, call.args, 1, nowMs()));
      await submitCall(world.ledger, ledgerCalls.putManifest(circle.manifest, key));
      const agent = await world.connect(circle.owner);
      expect(await agent.publish(circle.device.topics.e, circle.endorse)).toBe(true);
      expect(await agent.publish(circle.device.topics.m, circle.manifest)).toBe(true);
    }
    const { client, epoch } = await here.live(circle);
    const messages: (readonly ['o' | 'u' | 'c', Uint8Array])[] = [
      ['o', epoch.opening],
      ['o', epoch.keys],
    ];
    for (let i = 0; i < 40; i++) messages.push(['u', epoch.frame().raw]);
    messages.push(['c', epoch.close().ctl]);
    for (const [where, bytes] of messages.slice(2))
      expect(await client.publish(circle.device.topics[where], bytes, 1, 3_000)).toBe(true);
    await client.end();
    return { circle, epoch, messages };
  }
});

describe('bombs at the door', () => {
  const eh = '48 0000000000000000';
  const ctl = (content: Uint8Array, mt: 6 | 8 = 6) =>
    concat(encodeUntaggedCtl(mt, new Uint8Array(8), 1, content), encodeItem(new Uint8Array(8)));
  const bombs: Readonly<Record<string, Uint8Array>> = {
    '190,000 nested arrays': times1(0x81, 190_000),
    '190,000 nested tags': concat(h('d2'), times1(0xd2, 190_000)),
    'an array of 2^32 - 1 items': h(`85182e ${eh} 02 00 9affffffff`),
    'a map of 2^32 - 1 pairs': h('d2 84 58 05 baffffffff a0 40 40'),
    'a byte string of 2^53 bytes': h('8218225b0020000000000000'),
    '40 kB of nested array heads': times('9b0000000000000001', 4_500),
    'a bignum of 190 kB': concat(h(`85182e ${eh} c2 5a0002e630`), new Uint8Array(190_000)),
    '65,000 indefinite chunks': concat(h('8218225f'), times('4100', 65_000), h('ff')),
    '20,000 duplicate keys': ctl(concat(h('b94e20'), times('0101', 20_000))),
    'a wide integer': ctl(h('a2 1b0000000000000001 00 02 80')),
    'a key `__proto__`': ctl(concat(h('a2 69'), new TextEncoder().encode('__proto__'), h('a0 02 80'))),
    'a bulk of 60,000 empty items': ctl(concat(h('99ea60'), times1(0x40, 60_000)), 8),
    'a frame of 190 kB': concat(h('88'), new Uint8Array(190_000)),
  };

  it.each(['u', 'o', 'c', 'e', 'm'] as const)(
    'on channel %s: each refused within 50 ms and 20 MB, and the next frame is taken',
    async (channel) => {
      const world = await createWorld({ settings });
      try {
        const circle = await world.circle();
        const { client, epoch } = await world.live(circle);
        const { topics } = circle.device;
        const sender = channel === 'e' || channel === 'm' ? await world.connect(circle.owner) : client;
        const heapOf = () => process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
        for (const [name, bytes] of Object.entries(bombs)) {
          // The processor's own time, with sender, broker and collector in it; the best of three is the bomb's.
          const costs: { readonly cpuMs: number; readonly heapBytes: number }[] = [];
          const isCheap = () => costs.some((cost) => cost.cpuMs <= 50 && cost.heapBytes < 20 * 2 ** 20);
          for (let round = 0; round < 3 && !isCheap(); round++) {
            const before = await countAll(world);
            const heapBytes = heapOf();
            const start = process.cpuUsage();
            expect([name, await sender.publish(topics[channel], bytes, 1, 60)]).toEqual([name, false]);
            const spent = process.cpuUsage(start);
            costs.push({ cpuMs: (spent.user + spent.system) / 1000, heapBytes: heapOf() - heapBytes });
            await until(async () => (await countAll(world)) > before);
          }
          expect([name, isCheap(), costs]).toEqual([name, true, costs]);
        }
        const back = client.isOpen ? client : await world.connect(circle.device);
        expect(await back.publish(topics.u, epoch.frame().raw)).toBe(true);
      } finally {
        await world.end();
      }
    },
    60_000,
  );

  const countAll = async (world: World) => {
    const lines = (await world.metrics.text()).split('\n').filter((line) => line.startsWith('edge_refusals_total{'));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
});

describe('spellings', () => {
  let world: World;
  let client: TestClient;
  let circle: RawCircle;
  let epoch: RawEpoch;
  beforeAll(async () => {
    world = await createWorld({ settings });
    circle = await world.circle();
    ({ client, epoch } = await world.live(circle));
  });
  afterAll(() => world.end());

  /** Frames whose meaning is the same and whose bytes are not: 88 01 48 <eh> sg st seq dt ct gt. */
  const spellings: readonly (readonly [string, RefusalName, (frame: Uint8Array) => Uint8Array])[] = [
    ['a long array head', 'not-canonical', (b) => concat(h('9808'), b.subarray(1))],
    ['an array of indefinite length', 'not-canonical', (b) => concat(h('9f'), b.subarray(1), h('ff'))],
    ['a kind in two bytes', 'not-canonical', (b) => concat(b.subarray(0, 1), h('1801'), b.subarray(2))],
    ['a kind in nine bytes', 'not-canonical', (b) => concat(b.subarray(0, 1), h('1b0000000000000001'), b.subarray(2))],
    ['a segment in three bytes', 'not-canonical', (b) => concat(b.subarray(0, 11), h('190000'), b.subarray(12))],
    ['a stream in five bytes', 'not-canonical', (b) => concat(b.subarray(0, 12), h('1a00000001'), b.subarray(13))],
    ['a long head of eh', 'not-canonical', (b) => concat(b.subarray(0, 2), h('5808'), b.subarray(3))],
    [
      'an eh of indefinite length',
      'not-canonical',
      (b) => concat(b.subarray(0, 2), h('5f48'), b.subarray(3, 11), h('ff'), b.subarray(11)),
    ],
    ['a segment as a float', 'wrong-type', (b) => concat(b.subarray(0, 11), h('f90000'), b.subarray(12))],
    ['a segment below zero', 'wrong-type', (b) => concat(b.subarray(0, 11), h('20'), b.subarray(12))],
    ['a tag before the frame', 'wrong-type', (b) => concat(h('d8186f'), b)],
  ];
  it.each(spellings)('%s: %s', async (_, name, spell) => {
    const { raw } = epoch.frame();
    const said = spell(raw);
    const before = await total(world);
    expect(await client.publish(circle.device.topics.u, said, 1, 200)).toBe(false);
    await until(async () => (await total(world)) > before);
    expect(await client.publish(circle.device.topics.u, raw)).toBe(true);
    expect([name, await world.refusals(name)]).not.toEqual([name, 0]);
  });

  it('bulk whose order or spelling is another is refused as a whole', async () => {
    const { raw } = epoch.frame();
    await refusedAs(world, 'bulk-content', () =>
      client.publish(circle.device.topics.c, epoch.ctl(CTL.bulk, encodeBulk([raw, epoch.keys])), 1, 300),
    );
    const long = concat(h('9802'), encodeBulk([raw, raw]).subarray(1));
    await refusedAs(world, 'not-canonical', () =>
      client.publish(circle.device.topics.c, epoch.ctl(CTL.bulk, long), 1, 300),
    );
  });

  const total = async (w: World) => {
    const lines = (await w.metrics.text()).split('\n').filter((line) => line.startsWith('edge_refusals_total{'));
    return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
});
