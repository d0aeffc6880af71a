import { createHash } from 'node:crypto';
import { connect as dialPlain, type Socket } from 'node:net';
import { connect as dialTls, type TLSSocket } from 'node:tls';
import type { Clock, Logger, Random } from '@pulseseal/runtime';
import mqtt from 'mqtt';
import type { DeviceLink, LinkHandlers, LinkLogin } from '../device/ports.ts';

export interface MqttLinkSettings {
  /** `mqtts://host:port`, or `mqtt://` on loopback for benches. */
  readonly url: string;
  /** Keepalive, s: the broker notices a dead device after 1.5 times this. */
  readonly keepaliveS?: number;
  /** From the dial to the broker's CONNACK, TLS handshake and all. */
  readonly connectTimeoutMs?: number;
  /** First and largest wait before a new connection; each is drawn between half and whole. */
  readonly reconnectMs?: readonly [first: number, most: number];
}

/** Above what a broker needs when a whole ward dials at once after its restart: less would make it begin anew for ever. */
const defaultConnectTimeoutMs = 30_000;

/** The label of the token's TLS exporter value (SPEC clause TOPIC-4). */
const exporterLabel = 'EXPORTER-ps1';

/**
 * MQTT 3.1.1 over TLS 1.3 with X25519MLKEM768 and nothing else. A new client object for each connection: mqtt.js would
 * otherwise resend what was in flight by itself. The server is not trusted by its certificate: beacons and MACs are
 * checked above, and a PUBACK counts only where the server's key is the one that the signed beacon names.
 */
export function createMqttLink(
  ports: { readonly clock: Clock; readonly random: Random; readonly log?: Logger },
  settings: MqttLinkSettings,
): DeviceLink {
  const [firstWaitMs, mostWaitMs] = settings.reconnectMs ?? [250, 10_000];
  const url = new URL(settings.url);
  let session: { login: LinkLogin; handlers: LinkHandlers } | undefined;
  let current: Connection | undefined;
  let attempts = 0;
  let cancelWait = () => {};

  const again = () => {
    if (session === undefined) return;
    const most = Math.min(mostWaitMs, firstWaitMs * 2 ** Math.min(attempts, 16));
    attempts++;
    cancelWait();
    cancelWait = ports.clock.after(most * (0.5 + ports.random.unit() / 2), dial);
  };
  const dial = () => {
    const mine = session;
    if (mine === undefined || current !== undefined) return;
    const connection = openConnection(url, settings, ports.clock, mine.login, {
      up() {
        attempts = 0;
        mine.handlers.up();
      },
      message: mine.handlers.message,
      closed(reason, wasUp) {
        if (current === connection) current = undefined;
        if (wasUp) mine.handlers.down(reason);
        else ports.log?.warn({ reason }, 'no connection to the broker; trying again');
        if (session === mine) again();
      },
    });
    current = connection;
  };
  return {
    connect(login, handlers) {
      session = { login, handlers };
      attempts = 0;
      dial();
    },
    async disconnect() {
      session = undefined;
      cancelWait();
      await current?.end();
    },
    subscribe: (topics) => current?.subscribe(topics) ?? Promise.reject(new Error('link is down')),
    publish: (topic, bytes, qos) => current?.publish(topic, bytes, qos) ?? Promise.reject(new Error('link is down')),
    tlsSpkiHash: () => current?.spkiHash,
  };
}

interface Connection {
  readonly spkiHash: Uint8Array | undefined;
  subscribe(topics: readonly string[]): Promise<void>;
  publish(topic: string, bytes: Uint8Array, qos: 0 | 1): Promise<void>;
  end(): Promise<void>;
}

interface ConnectionHandlers {
  up(): void;
  message(topic: string, bytes: Uint8Array): void;
  closed(reason: string, wasUp: boolean): void;
}

function openConnection(
  url: URL,
  settings: MqttLinkSettings,
  clock: Clock,
  login: LinkLogin,
  handlers: ConnectionHandlers,
): Connection {
  const pending = new Set<(error: Error) => void>();
  const secure = url.protocol === 'mqtts:';
  const port = Number(url.port);
  let client: mqtt.MqttClient | undefined;
  let spkiHash: Uint8Array | undefined;
  let up = false;
  let done = false;
  const finish = (reason: string) => {
    if (done) return;
    done = true;
    cancelTimeout();
    socket.destroy();
    client?.end(true);
    const error = new Error(`link fell: ${reason}`);
    for (const reject of pending) reject(error);
    pending.clear();
    handlers.closed(reason, up);
  };
  const timeoutMs = settings.connectTimeoutMs ?? defaultConnectTimeoutMs;
  // Whoever takes the connection and then says nothing is no broker; the library's own timeout begins after TLS.
  const cancelTimeout = clock.after(timeoutMs, () => finish('no answer in time'));
  const start = (exporter: Uint8Array | undefined) => {
    client = new mqtt.MqttClient(() => socket as unknown as mqtt.IStream, {
      protocolVersion: 4,
      clientId: login.clientId,
      username: login.clientId,
      password: Buffer.from(login.password(exporter)),
      clean: true,
      keepalive: settings.keepaliveS ?? 30,
      reconnectPeriod: 0,
      connectTimeout: timeoutMs,
      resubscribe: false,
      queueQoSZero: false,
      ...(login.will === undefined
        ? {}
        : {
            will: { topic: login.will.topic, payload: Buffer.from(login.will.bytes), qos: 1 as const, retain: false },
          }),
    });
    client.on('connect', () => {
      up = true;
      cancelTimeout();
      handlers.up();
    });
    client.on('message', (topic, bytes) => handlers.message(topic, new Uint8Array(bytes)));
    client.on('error', (error) => finish(error.message));
    client.on('close', () => finish('closed'));
  };
  const socket: Socket | TLSSocket = secure
    ? dialTls(
        {
          host: url.hostname,
          port,
          minVersion: 'TLSv1.3',
          ecdhCurve: 'X25519MLKEM768',
          // The server's name proves nothing here; see above.
          rejectUnauthorized: false,
        },
        () => {
          const tls = socket as TLSSocket;
          const spki = tls.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
          spkiHash = spki === undefined ? undefined : new Uint8Array(createHash('sha256').update(spki).digest());
          start(
            new Uint8Array(
              // In TLS 1.3 an empty context and none are the same.
              tls.exportKeyingMaterial(32, exporterLabel, Buffer.alloc(0)),
            ),
          );
        },
      )
    : dialPlain({ host: url.hostname, port }, () => start(undefined));
  socket.on('error', (error) => finish(error.message));
  socket.on('close', () => finish('closed'));
  socket.setNoDelay(true);

  /** Like a callback API as a promise, but settled too when the connection falls. */
  const settled = (run: (callback: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      if (done || client === undefined) {
        reject(new Error('link is down'));
        return;
      }
      pending.add(reject);
      run((error) => {
        pending.delete(reject);
        if (error) reject(error);
        else resolve();
      });
    });
  return {
    get spkiHash() {
      return up && !done ? spkiHash : undefined;
    },
    subscribe: (topics) =>
      settled((callback) => client!.subscribe([...topics], { qos: 1 }, (error) => callback(error))),
    publish: (topic, bytes, qos) =>
      settled((callback) =>
        client!.publish(topic, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length), { qos }, (error) =>
          callback(error),
        ),
      ),
    end: () =>
      new Promise((resolve) => {
        if (client === undefined || done) {
          finish('disconnected');
          resolve();
          return;
        }
        client.end(false, {}, () => {
          finish('disconnected');
          resolve();
        });
        // A broker that is gone answers nothing: do not wait for it.
        clock.after(1_000, () => {
          finish('disconnected');
          resolve();
        });
      }),
  };
}
