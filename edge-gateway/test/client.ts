import { connect as netConnect } from 'node:net';
import { type TLSSocket, connect as tlsConnect } from 'node:tls';
import type { CryptoProvider } from '@pulseseal/crypto';
import {
  createMessageSigner,
  deviceText,
  encodeLogin,
  issueCwt,
  type MessageSigner,
  signBody,
} from '@pulseseal/protocol';
import { MqttClient } from 'mqtt';

/** An identity with its transport key, as a device, an agent or a recipient has it. */
export interface TestIdentity {
  readonly signer: MessageSigner;
  readonly transport: MessageSigner;
  readonly name: string;
}

export function testIdentity(algorithm: 'ML-DSA-44' | 'ML-DSA-65', crypto: CryptoProvider, random: () => Uint8Array) {
  const signer = createMessageSigner(algorithm, random(), crypto);
  const transport = createMessageSigner('ML-DSA-44', random(), crypto);
  return { signer, transport, name: deviceText(signer.thumbprint) };
}

export function passwordOf(
  identity: TestIdentity,
  gateway: Uint8Array,
  exporter: Uint8Array | null,
  crypto: CryptoProvider,
  nowMs = Date.now(),
): Uint8Array {
  const times = { issuedMs: nowMs - 1000, expiresMs: nowMs + 86_400_000 };
  const session = issueCwt('session', identity.signer, identity.transport.key, times, crypto);
  const token = signBody(
    'token',
    { identity: identity.signer.thumbprint, gateway, expiresMs: nowMs + 60_000, exporter },
    identity.transport,
  );
  return encodeLogin(session, token);
}

export interface ConnectOptions {
  readonly port: number;
  readonly isTls?: boolean;
  readonly gateway: Uint8Array;
  readonly crypto: CryptoProvider;
  readonly clientId?: string;
  readonly password?: Uint8Array;
  readonly keepalive?: number;
  readonly ecdhCurve?: string;
  readonly will?: { readonly topic: string; readonly payload: Uint8Array };
}

export interface TestClient {
  readonly mqtt: MqttClient;
  readonly messages: { readonly topic: string; readonly payload: Uint8Array; readonly isRetained: boolean }[];
  /** Resolves with true on PUBACK, false when the connection ends first or nothing comes within `waitMs`. */
  publish(topic: string, payload: Uint8Array, qos?: 0 | 1, waitMs?: number): Promise<boolean>;
  subscribe(topic: string): Promise<boolean>;
  next(match: (topic: string, payload: Uint8Array) => boolean, waitMs?: number): Promise<Uint8Array>;
  end(): Promise<void>;
  readonly isOpen: boolean;
}

/** Logs in; rejects when the broker does not say yes. */
export async function connectClient(identity: TestIdentity, o: ConnectOptions): Promise<TestClient> {
  const socket = o.isTls === true ? await openTls(o) : netConnect(o.port, '127.0.0.1');
  const exporter =
    o.isTls === true
      ? Uint8Array.from((socket as TLSSocket).exportKeyingMaterial(32, 'EXPORTER-ps1', Buffer.alloc(0)))
      : null;
  const password = o.password ?? passwordOf(identity, o.gateway, exporter, o.crypto);
  const mqtt = new MqttClient(() => socket, {
    clientId: o.clientId ?? identity.name,
    password: Buffer.from(password),
    username: 'ps1',
    protocolVersion: 4,
    clean: true,
    reconnectPeriod: 0,
    keepalive: o.keepalive ?? 60,
    ...(o.will === undefined
      ? {}
      : { will: { topic: o.will.topic, payload: Buffer.from(o.will.payload), qos: 1, retain: false } }),
  });
  const messages: { topic: string; payload: Uint8Array; isRetained: boolean }[] = [];
  const watchers = new Set<() => void>();
  let isOpen = false;
  mqtt.setMaxListeners(0);
  mqtt.on('message', (topic, payload, packet) => {
    messages.push({ topic, payload: Uint8Array.from(payload), isRetained: packet.retain });
    for (const watcher of watchers) watcher();
  });
  mqtt.on('close', () => {
    isOpen = false;
  });
  await new Promise<void>((resolve, reject) => {
    mqtt.once('connect', () => resolve());
    mqtt.once('error', reject);
    mqtt.once('close', () => reject(new Error('closed before CONNACK')));
  });
  isOpen = true;
  mqtt.on('error', () => {});
  return {
    mqtt,
    messages,
    publish: (topic, payload, qos = 1, waitMs = 3_000) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), waitMs);
        const finish = (answer: boolean) => {
          clearTimeout(timer);
          mqtt.off('close', closed);
          resolve(answer);
        };
        const closed = () => finish(false);
        mqtt.once('close', closed);
        mqtt.publish(topic, Buffer.from(payload), { qos }, (error) => finish(error === undefined || error === null));
      }),
    subscribe: (topic) =>
      new Promise((resolve) => {
        mqtt.subscribe(topic, { qos: 1 }, (error, granted) =>
          resolve(error === null || error === undefined ? (granted?.[0]?.qos ?? 128) < 128 : false),
        );
      }),
    next(match, waitMs = 5_000) {
      return new Promise((resolve, reject) => {
        const look = () => {
          const at = messages.findIndex((m) => match(m.topic, m.payload));
          if (at < 0) return;
          clearTimeout(timer);
          watchers.delete(look);
          resolve(messages.splice(at, 1)[0]!.payload);
        };
        const timer = setTimeout(() => {
          watchers.delete(look);
          reject(new Error('no such message came'));
        }, waitMs);
        watchers.add(look);
        look();
      });
    },
    end: () => new Promise((resolve) => mqtt.end(true, {}, () => resolve())),
    get isOpen() {
      return isOpen;
    },
  };
}

function openTls(o: ConnectOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = tlsConnect({
      port: o.port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ecdhCurve: o.ecdhCurve ?? 'X25519MLKEM768',
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}
