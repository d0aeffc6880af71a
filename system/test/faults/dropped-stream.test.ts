import { join } from 'node:path';
import { createMemoryKeyStore, createNativeCrypto, toHex } from '@pulseseal/crypto';
import { type CareEvent, FRAME_TYPE, parseMessage } from '@pulseseal/protocol';
import { createMetrics, createSilentLogger, createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { createMemoryStateStore, createStreamProcessor, feedTopic, prekeyName } from '@pulseseal/stream-processor';
import { createMemoryJournal, createTwinService } from '@pulseseal/twin-service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, type World } from '../../../edge-gateway/test/world.ts';
import { type Door, openDoor } from '../support/door.ts';
import { eventually, rest, say, seededRun } from '../support/fault-run.ts';
import { anyRecipient, createStrap, type Strap } from '../support/strap.ts';

/** Protocol section 15: a dropped stream is noticed by a reader of one scope within three heartbeats of 5 s. */
const LIMIT_MS = 15_000;
const HEART_STREAM = 1;

describe('a gateway that drops one stream', () => {
  let world: World;
  let door: Door;
  let strap: Strap;
  const crypto = createNativeCrypto();
  const wall = createSystemClock();
  const prekeySeed = createSystemRandom().bytes(32);
  /** One scope of the device's three, and so not every number of its segments. */
  const reader = anyRecipient({ scopes: [1], prekey: crypto.xwingKeyPair(prekeySeed).publicKey });
  beforeAll(async () => {
    world = await createWorld();
    door = await openDoor(() => world.address.tlsPort!);
    strap = await createStrap({
      name: 'dropped',
      folder: join(world.dir, 'devices'),
      brokerPort: door.port,
      gateway: world.address.thumbprint,
      ledger: world.ledger,
      random: seededRun('a dropped stream'),
      settings: { heartbeatMs: 5_000, segmentMs: 60_000 },
      recipients: [reader],
    });
  });
  afterAll(async () => {
    await strap?.end();
    await door?.close();
    await world?.end();
  });

  it('is found out by a reader of one scope, and the alarm names the stream', async () => {
    const rid = toHex(reader.rid);
    let isHostile = false;
    let hiddenAtMs: number | undefined;
    let at = 0;
    const logger = createSilentLogger();
    const keys = createMemoryKeyStore(wall);
    await keys.put(prekeyName(rid, 1), prekeySeed);
    const base = { crypto, wall, data: wall, random: createSystemRandom(), logger };
    const twins = await createTwinService(
      { ...base, metrics: createMetrics('twin'), journal: createMemoryJournal() },
      { patients: [{ patient: 'p1', name: 'A', bed: '1', ageYears: null }], speed: 1 },
    );
    const events: { readonly event: CareEvent; readonly atMs: number }[] = [];
    const alarms: { readonly rule: string; readonly reason: string; readonly atMs: number }[] = [];
    twins.onAlert(({ alert, change }) => {
      if (change === 'raised') alarms.push({ rule: alert.rule, reason: alert.reason, atMs: wall.monotonicMs() });
    });
    /** What the gateway gives this reader, but for what a hostile one keeps. */
    const isKept = (message: Uint8Array): boolean => {
      const parsed = parseMessage(message);
      const isData = parsed.kind === 'frame' && parsed.st === HEART_STREAM && parsed.ft === FRAME_TYPE.data;
      if (!isHostile || !isData) return true;
      hiddenAtMs ??= wall.monotonicMs();
      return false;
    };
    const processor = createStreamProcessor({
      ...base,
      metrics: createMetrics('processor'),
      keys,
      feed: {
        async receive(max) {
          const out = [];
          for (; at < world.items.length && out.length < max; at++) {
            const item = world.items[at]!;
            if (item.rid !== rid || !isKept(item.message)) continue;
            const topic = feedTopic(rid, item.channel, item.arrivedMs);
            out.push({ position: at, topic, body: item.message.slice() });
          }
          return out;
        },
        acknowledge: async () => {},
      },
      toEdge: { publish: (_topic, body) => world.gateway.recipientMessage(rid, body) },
      patients: { byRid: (asked) => (asked === rid ? { patient: 'p1', owner: strap.agent.thumbprint } : undefined) },
      state: createMemoryStateStore(),
      async sink(given) {
        for (const event of given) events.push({ event, atMs: wall.monotonicMs() });
        await twins.handle(given);
      },
    });
    await processor.start();
    strap.wear(1_000);
    await eventually('readings', () => events.filter(({ event }) => event.kind === 'readings').length > 2, 15_000);
    await rest(500);
    expect(events.filter(({ event }) => event.kind === 'gap')).toEqual([]);
    isHostile = true;
    const isGap = ({ event }: (typeof events)[number]) => event.kind === 'gap' && event.stream === HEART_STREAM;
    await eventually('the gap', () => events.some(isGap), LIMIT_MS + 5_000);
    const gapMs = events.find(isGap)!.atMs - hiddenAtMs!;
    const isAlarm = ({ rule }: (typeof alarms)[number]) => rule === 'silence-stream-missing';
    await eventually('the alarm', () => alarms.some(isAlarm), LIMIT_MS + 5_000);
    const alarm = alarms.find(isAlarm)!;
    say(
      `gap told after ${Math.round(gapMs)} ms, alarm after ${Math.round(alarm.atMs - hiddenAtMs!)} ms: ${alarm.reason}`,
    );
    expect(gapMs).toBeLessThanOrEqual(LIMIT_MS);
    expect(alarm.atMs - hiddenAtMs!).toBeLessThanOrEqual(LIMIT_MS + 1_000);
    await processor.stop();
    await twins.stop();
  }, 90_000);
});
