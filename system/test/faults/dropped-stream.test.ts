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

/** A dropped stream is noticed by a reader of one scope within three heartbeats of 5 s. */
const LIMIT_MS = 15_000;
const HEARTBEAT_MS = 5_000;
const HEART_STREAM = 1;

/** What a hostile gateway keeps, and what that is told by. */
const kept = [
  {
    name: 'drops one stream',
    // From some time on; its readings came until then.
    isLater: true,
    types: [FRAME_TYPE.data] as readonly number[],
    isGapTold: true,
  },
  {
    // Readings without their card cannot be read: the reader has every frame of the stream, and none of its numbers.
    name: 'drops the card of a scope, from the first one on',
    isLater: false,
    types: [FRAME_TYPE.card] as readonly number[],
    isGapTold: false,
  },
] as const;

describe('a gateway that', () => {
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
      settings: { heartbeatMs: HEARTBEAT_MS, segmentMs: 60_000 },
      recipients: [reader],
    });
  });
  afterAll(async () => {
    await strap?.end();
    await door?.close();
    await world?.end();
  });

  it.each(kept)(
    '$name is found out by a reader of one scope, and the alarm names the stream',
    async (given) => {
      const rid = toHex(reader.rid);
      let isHostile = !given.isLater;
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
        const isKeptBack = parsed.kind === 'frame' && parsed.st === HEART_STREAM && given.types.includes(parsed.ft);
        if (!isHostile || !isKeptBack) return true;
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
        async sink(told) {
          for (const event of told) events.push({ event, atMs: wall.monotonicMs() });
          await twins.handle(told);
        },
      });
      await processor.start();
      if (given.isLater) {
        strap.wear(1_000);
        await eventually('readings', () => events.filter(({ event }) => event.kind === 'readings').length > 2, 15_000);
        await rest(500);
        expect(events.filter(({ event }) => event.kind === 'gap')).toEqual([]);
        isHostile = true;
      }
      const isAlarm = ({ rule }: (typeof alarms)[number]) => rule === 'silence-stream-missing';
      await eventually('the alarm', () => alarms.some(isAlarm), 2 * LIMIT_MS + 5_000);
      const alarm = alarms.find(isAlarm)!;
      const alarmMs = alarm.atMs - hiddenAtMs!;
      say(`${given.name}: alarm after ${Math.round(alarmMs)} ms: ${alarm.reason}`);
      // Where the stream was never read, the heartbeat that counts its frames is awaited first.
      expect(alarmMs).toBeLessThanOrEqual(LIMIT_MS + (given.isLater ? 1_000 : HEARTBEAT_MS + 1_000));
      if (given.isGapTold) {
        const gap = events.find(({ event }) => event.kind === 'gap' && event.stream === HEART_STREAM)!;
        say(`gap told after ${Math.round(gap.atMs - hiddenAtMs!)} ms`);
        expect(gap.atMs - hiddenAtMs!).toBeLessThanOrEqual(LIMIT_MS);
      } else expect(events.filter(({ event }) => event.kind === 'readings')).toEqual([]);
      await processor.stop();
      await twins.stop();
    },
    90_000,
  );
});
