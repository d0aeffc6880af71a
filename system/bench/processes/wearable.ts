import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import {
  createDevice,
  createLocalPair,
  createManufacturer,
  createMemoryFlash,
  createMqttLink,
  type Device,
  deviceSettings,
} from '@pulseseal/device-sim';
import { chestStrap } from '@pulseseal/firmware-profiles';
import { createLocalLedger } from '@pulseseal/ledger';
import { openLog } from '@pulseseal/log';
import { createMemoryAgentStore, createPatientAgent, defaultPolicy } from '@pulseseal/patient-agent';
import { createMessageSigner, encodeValues } from '@pulseseal/protocol';
import { type ClockScale, createScaledClock, createSystemClock, createSystemRandom, sleep } from '@pulseseal/runtime';
import { connectRaw, messageIdOf, publishPacket } from '../lib/raw-client.ts';
import { serve } from '../lib/serve.ts';

/** One wearable with the device library, or one plain MQTT client, that sends a vital of 64 bytes each second. */
export interface WearableOrder {
  readonly host: string;
  readonly port: number;
  readonly gateway: Uint8Array;
  readonly scale: ClockScale;
  readonly segmentFrames: number;
  readonly heartbeatMs: number;
}

/** Eleven values: a map head, ten of six bytes, one of three. */
const VITAL = new Map([...Array.from({ length: 10 }, (_, i) => [i, 100_000 + i] as const), [10, 100] as const]);
export const VITAL_BYTES = 64;
const PERIOD_MS = 1_000;
const MODEL_STREAM = 1;

let device: Device | undefined;
let clock = createSystemClock();

serve({
  /** Claims and publishes the papers, then lets the agent's connection go: only the device is measured. */
  async claim(order: WearableOrder) {
    if (encodeValues(VITAL).length !== VITAL_BYTES) throw new Error('the vital has another size');
    clock = createScaledClock(createSystemClock(), order.scale);
    const random = createSystemRandom();
    const crypto = createNativeCrypto();
    const ports = { wall: clock, data: clock, random, crypto };
    const url = `mqtts://${order.host}:${order.port}`;
    const maker = createManufacturer(random.bytes(32), ports);
    const factory = maker.make(chestStrap.model, chestStrap.suite);
    device = createDevice(
      { ...ports, link: createMqttLink({ clock, random }, { url }), flash: createMemoryFlash() },
      deviceSettings(chestStrap, {
        streams: [MODEL_STREAM],
        segmentMs: order.segmentFrames * PERIOD_MS,
        maxSegmentFrames: 4_096,
        heartbeatMs: order.heartbeatMs,
      }),
      factory,
    );
    const dir = mkdtempSync(join(tmpdir(), 'bench-wearable-'));
    process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
    const operator = createMessageSigner('ML-DSA-65', random.bytes(32), crypto);
    const ledger = await createLocalLedger({
      log: await openLog({ dir }),
      crypto,
      signer: createMessageSigner('ML-DSA-65', random.bytes(32), crypto),
      clock,
      genesis: { name: 'bench', operatorKey: operator.key },
      blockDelayMs: 5,
    });
    const link = createMqttLink({ clock, random }, { url });
    const agent = await createPatientAgent(
      {
        keys: createMemoryKeyStore(clock),
        store: createMemoryAgentStore(),
        ledger,
        gateway: { publish: (topic, bytes) => link.publish(topic, bytes, 1) },
        manufacturers: [maker.key],
        wall: clock,
        random,
        crypto,
      },
      { name: 'owner', policy: defaultPolicy },
    );
    const up = new Promise<void>((resolve) =>
      link.connect(
        { clientId: agent.text, password: (exporter) => agent.password(order.gateway, exporter) },
        { up: resolve, down: () => {}, message: () => {} },
      ),
    );
    await up;
    const [deviceEnd, agentEnd] = createLocalPair();
    device.attach(deviceEnd);
    const scopes = chestStrap.scopes.map((scope) => scope.number);
    await agent.claim(agentEnd, {
      code: maker.qr(factory),
      suite: chestStrap.suite,
      scopes,
      recipients: [
        {
          rid: random.bytes(8),
          prekeyId: 1,
          prekey: crypto.xwingKeyPair(random.bytes(32)).publicKey,
          scopes,
          role: 1,
          expiresMs: Math.floor(clock.nowMs()) + 86_400_000,
        },
      ],
      gateways: [order.gateway],
    });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await link.disconnect();
  },
  async live(messages: number) {
    const wearable = device!;
    wearable.start();
    while (wearable.state !== 'live') await new Promise((resolve) => setTimeout(resolve, 5));
    for (let i = 0; i < messages; i++) {
      const dueMs = clock.monotonicMs() + PERIOD_MS;
      const result = wearable.send(MODEL_STREAM, { values: VITAL });
      if (result !== 'kept' && result !== 'pending') throw new Error(`the device answered ${result}`);
      await sleep(clock, Math.max(0, dueMs - clock.monotonicMs()));
    }
    const isDrained = await wearable.stop(30_000);
    return { isDrained, epochs: wearable.account(), counts: wearable.counts };
  },
  /** MQTT over the same TLS, a topic of the same length, the bare 64 bytes. */
  async plain(order: {
    readonly host: string;
    readonly port: number;
    readonly scale: ClockScale;
    readonly messages: number;
  }) {
    clock = createScaledClock(createSystemClock(), order.scale);
    const clientId = 'A'.repeat(22);
    const client = await connectRaw({ host: order.host, port: order.port, isTls: true, clientId });
    const payload = encodeValues(VITAL);
    for (let i = 0; i < order.messages; i++) {
      const dueMs = clock.monotonicMs() + PERIOD_MS;
      await client.run([publishPacket(`ps1/00/${clientId}/u`, payload, messageIdOf(i))], 1);
      await sleep(clock, Math.max(0, dueMs - clock.monotonicMs()));
    }
    client.end();
  },
});
