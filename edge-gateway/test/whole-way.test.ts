import { CTL, parseAccept, parseMessage, parseProgress } from '@pulseseal/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, until, type World } from './world.ts';

describe('one device on its whole way', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });
  afterAll(() => world.end());

  it('opens, sends, closes; is acknowledged, sealed, anchored; the recipient gets all of it', async () => {
    const circle = await world.circle();
    const { topics } = circle.device;
    const { client, epoch } = await world.live(circle);
    for (let i = 0; i < 9; i++) expect(await client.publish(topics.u, epoch.frame().raw)).toBe(true);
    expect(await client.publish(topics.u, epoch.frame({ ft: 2, st: 0 }).raw, 0)).toBe(true);
    expect(await client.publish(topics.c, epoch.close().ctl)).toBe(true);
    const isFull = (p: Uint8Array) => {
      const ctl = epoch.read(p);
      return ctl.mt === CTL.progress && ctl.isAuthentic && parseProgress(ctl.content).segmentBelow === 1;
    };
    const progress = epoch.read(await client.next((t, p) => t === topics.d && isFull(p)));
    expect(parseProgress(progress.content)).toEqual({ seqBelow: 11, segmentBelow: 1 });
    await until(() => [...world.gateway.account()].some((a) => a.anchored.length > 0), 8_000);
    expect([...world.gateway.account()]).toEqual([
      {
        device: circle.device.name,
        eh: expect.any(String),
        stored: [[1, 10]],
        sealed: [[1, 10]],
        anchored: [[1, 10]],
        doubled: 0,
      },
    ]);
    const kinds = world.items.map((i) => {
      const m = parseMessage(i.message);
      return m.kind === 'signed' ? m.typ : m.kind;
    });
    expect(kinds.filter((k) => k === 'frame').length).toBe(10);
    for (const kind of ['endorse', 'manifest', 'beacon', 'opening', 'keys', 'close', 'leaves', 'receipt', 'sth'])
      expect(kinds).toContain(kind);
    expect(kinds.indexOf('opening')).toBeLessThan(kinds.indexOf('frame'));
  });

  it('logs in over TLS 1.3 with X25519MLKEM768, bound to the session', async () => {
    const circle = await world.circle();
    const client = await world.connect(circle.device, { isTls: true });
    expect(await client.subscribe(circle.device.topics.d)).toBe(true);
    expect(await client.subscribe(circle.device.topics.m)).toBe(true);
    expect(await client.next((t) => t === circle.device.topics.m)).toEqual(circle.manifest);
    await expect(world.connect(circle.device, { isTls: true, ecdhCurve: 'X25519' })).rejects.toThrow();
    expect(parseAccept).toBeTypeOf('function');
  });
});

describe('a gateway with one core', () => {
  it('checks signatures on the main thread: takes a true close, refuses a forged one', async () => {
    const world = await createWorld({ settings: { poolVerifications: 0 } });
    try {
      const circle = await world.circle();
      const { client, epoch } = await world.live(circle);
      const { c, u } = circle.device.topics;
      expect(await client.publish(u, epoch.frame().raw)).toBe(true);
      const { bare, ctl } = epoch.close();
      const forged = bare.slice();
      forged[forged.length - 1]! ^= 1;
      expect(await client.publish(c, epoch.ctl(CTL.close, forged), 1, 500)).toBe(false);
      expect(await world.refusals('signature-invalid')).toBe(1);
      expect(await client.publish(c, ctl)).toBe(true);
      expect([...world.gateway.account()]).toMatchObject([{ sealed: [[1, 1]] }]);
    } finally {
      await world.end();
    }
  });
});
