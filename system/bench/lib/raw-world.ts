import { createNativeCrypto } from '@pulseseal/crypto';
import { topic } from '@pulseseal/protocol';
import { createSystemRandom } from '@pulseseal/runtime';
import { passwordOf, type TestIdentity, testIdentity } from '../../../edge-gateway/test/client.ts';
import { type RawCircle, type RawEpoch, rawCircle, rawEpoch } from '../../../edge-gateway/test/raw-device.ts';
import { connectRaw, type RawClient } from './raw-client.ts';

export const crypto = createNativeCrypto();
export const random = () => createSystemRandom().bytes(32);

/** Where a gateway listens and who it is. */
export interface GatewayPlace {
  readonly port: number;
  readonly host?: string;
  readonly isTls: boolean;
  readonly gid: string;
  readonly gateway: Uint8Array;
}

export function login(identity: TestIdentity, place: GatewayPlace): Promise<RawClient> {
  return connectRaw({
    ...place,
    clientId: identity.name,
    password: (exporter) => passwordOf(identity, place.gateway, exporter, crypto),
  });
}

/** The retained beacon, as any client reads it. */
export async function readBeacon(place: GatewayPlace): Promise<Uint8Array> {
  const client = await login(testIdentity('ML-DSA-65', crypto, random), place);
  try {
    const beacon = new Promise<Uint8Array>((resolve) =>
      client.onMessage((_topic, payload) => resolve(payload.slice())),
    );
    await client.subscribe(topic.beacon(place.gid));
    return await beacon;
  } finally {
    client.end();
  }
}

/** A device with its owner's papers at the gateway, connected, with an accepted epoch. */
export interface LiveDevice {
  readonly circle: RawCircle;
  readonly client: RawClient;
  readonly epoch: RawEpoch;
}

/** Its owner endorses it and publishes its manifest; then it logs in and opens. */
export async function liveDevice(place: GatewayPlace, agents: GatewayPlace, beacon: Uint8Array): Promise<LiveDevice> {
  const circle = rawCircle([place.gateway], crypto, random);
  const agent = await login(circle.owner, agents);
  await agent.publish(circle.device.topics.e, circle.endorse);
  await agent.publish(circle.device.topics.m, circle.manifest);
  agent.end();
  const client = await login(circle.device, place);
  await client.subscribe(circle.device.topics.d);
  const epoch = await openEpoch(circle, client, beacon);
  return { circle, client, epoch };
}

export async function openEpoch(
  circle: RawCircle,
  client: RawClient,
  beacon: Uint8Array,
  over: Partial<Parameters<typeof rawEpoch>[1]> = {},
): Promise<RawEpoch> {
  const epoch = await rawEpoch(circle, { beacon, ...over }, crypto, random);
  await client.publish(circle.device.topics.o, epoch.opening);
  await client.publish(circle.device.topics.o, epoch.keys);
  return epoch;
}
