import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { settings } from '../src/app/settings.ts';
import { parseLiveMessage } from '../src/app/store/apply.ts';
import { backoffMs, createFeed } from '../src/app/store/feed.ts';
import { createFakePorts } from './fake-ports.ts';
import { wardFixture } from './fixture.ts';

const dataMs = 1_800_000_000_000;

function connected(speed = 1) {
  const fake = createFakePorts();
  const refused = vi.fn();
  const feed = createFeed(fake.ports, 'token', settings, refused);
  fake.sockets[0]?.listener.opened();
  fake.say({ type: 'snapshot', board: { ...wardFixture(dataMs), speed } });
  return { fake, feed, refused };
}

describe('the feed', () => {
  it('is silent after 5 s without a message, and says since when', () => {
    const { fake, feed } = connected();
    const heardMs = fake.wallMs();
    fake.pass(4_400);
    expect(feed.getSnapshot().link.kind).toBe('live');
    fake.pass(1_100);
    expect(feed.getSnapshot().link).toEqual({ kind: 'silent', silentSinceMs: heardMs, reconnecting: false });
    fake.say({ type: 'tick', nowMs: dataMs + 6_000 });
    expect(feed.getSnapshot().link.kind).toBe('live');
  });

  it('lets board time go on by local time x speed while silent', () => {
    const { fake, feed } = connected(600);
    fake.pass(10_000);
    expect(feed.getSnapshot().link.kind).toBe('silent');
    expect(feed.clock.nowMs()).toBe(dataMs + 10_000 * 600);
  });

  it('counts the time a machine slept into every age, and calls it resuming at first', () => {
    const { fake, feed } = connected();
    fake.sleep(3_600_000);
    fake.pass(500);
    expect(feed.clock.nowMs()).toBe(dataMs + 3_600_500);
    expect(feed.getSnapshot().link.kind).toBe('resuming');
    fake.pass(settings.resumeGraceMs + 500);
    expect(feed.getSnapshot().link.kind).toBe('silent');
  });

  it('gives up a socket that never says it ended, says so, and reaches the board again', () => {
    const { fake, feed } = connected();
    feed.selectWave('p3');
    fake.pass(settings.deadAfterMs + 600);
    expect(fake.sockets[0]?.open).toBe(false);
    expect(feed.getSnapshot().link).toMatchObject({ kind: 'silent', reconnecting: true });
    fake.pass(settings.reconnectFirstMs);
    expect(fake.sockets).toHaveLength(2);
    fake.sockets[1]?.listener.opened();
    expect(fake.sockets[1]?.sent).toEqual(['{"wave":"p3"}']);
    fake.say({ type: 'tick', nowMs: dataMs + 12_000 });
    expect(feed.getSnapshot().link.kind).toBe('live');
    // The old one is nobody's: neither its end nor a late word of it moves anything.
    fake.sockets[0]?.listener.message(JSON.stringify({ type: 'tick', nowMs: dataMs }));
    fake.sockets[0]?.listener.closed();
    fake.pass(3_000);
    expect(fake.sockets).toHaveLength(2);
    expect(feed.clock.nowMs()).toBe(dataMs + 15_000);
  });

  it('tries again as long as nothing comes, at most as far apart as it promises', () => {
    const { fake } = connected();
    fake.control.reply = { status: 500, bytes: new Uint8Array() };
    fake.pass(3_600_000);
    expect(fake.sockets.length).toBeGreaterThanOrEqual(
      3_600_000 / (settings.deadAfterMs + settings.reconnectMaxMs + 1_000),
    );
    expect(fake.sockets.filter(({ open }) => open).length).toBeLessThanOrEqual(1);
  });

  it('does not wait for an answer to its question before it knocks again', () => {
    const { fake } = connected();
    fake.ports.request = () => new Promise(() => {});
    fake.sockets[0]?.listener.closed();
    fake.pass(settings.reconnectFirstMs);
    expect(fake.sockets).toHaveLength(2);
  });

  it('lets a socket that slept with its machine speak first', () => {
    const { fake } = connected();
    fake.sleep(3_600_000);
    fake.pass(1_000);
    fake.say({ type: 'tick', nowMs: dataMs });
    fake.pass(settings.silentAfterMs);
    expect(fake.sockets).toHaveLength(1);
  });

  it('reconnects after a loss and asks for the same ECG again', async () => {
    const { fake, feed } = connected();
    feed.selectWave('p3');
    expect(fake.sockets[0]?.sent).toEqual(['{"wave":"p3"}']);
    fake.sockets[0]?.listener.closed();
    await vi.waitFor(() => {
      fake.pass(1_000);
      expect(fake.sockets).toHaveLength(2);
    });
    fake.sockets[1]?.listener.opened();
    expect(fake.sockets[1]?.sent).toEqual(['{"wave":"p3"}']);
  });

  it('ends the session when the server refuses the token, and does not knock again', async () => {
    const { fake, refused } = connected();
    fake.control.reply = { status: 401, bytes: new Uint8Array() };
    fake.sockets[0]?.listener.closed();
    await vi.waitFor(() => expect(refused).toHaveBeenCalledOnce());
    fake.pass(60_000);
    expect(fake.sockets).toHaveLength(1);
  });

  it('paints an alert at once and keeps what did not change', () => {
    const { fake, feed } = connected();
    const before = feed.getSnapshot().board?.patients ?? [];
    const alert = { ...before[2]!.alerts[0]!, state: 'acknowledged' as const };
    fake.say({ type: 'alert', alert });
    const after = feed.getSnapshot().board?.patients ?? [];
    expect(after[2]?.alerts).toEqual([alert]);
    expect(after[3]).toBe(before[3]);
  });

  it('paints many patients of one moment once', () => {
    const { fake, feed } = connected();
    const painted = vi.fn();
    feed.subscribe(painted);
    for (const patient of wardFixture(dataMs).patients) fake.say({ type: 'patient', patient });
    fake.pass(settings.paintEveryMs);
    expect(painted).toHaveBeenCalledOnce();
  });

  it('survives any text and counts it', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void parseLiveMessage(text)));
    const { fake, feed } = connected();
    fake.sockets[0]?.listener.message('{"type":"snapshot"}');
    expect(feed.getSnapshot().unreadable).toBe(1);
    expect(feed.getSnapshot().board?.patients).toHaveLength(24);
  });

  it('waits longer after each failure, never longer than the bound', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.double({ min: 0, max: 0.999, noNaN: true }), (attempt, random) => {
        const delay = backoffMs(attempt, settings, random);
        expect(delay).toBeGreaterThanOrEqual(settings.reconnectFirstMs / 2);
        expect(delay).toBeLessThanOrEqual(settings.reconnectMaxMs);
      }),
    );
    expect(backoffMs(4, settings, 0)).toBeGreaterThan(backoffMs(0, settings, 0));
  });
});
