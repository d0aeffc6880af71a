import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { generate, type Packet, parser } from 'mqtt-packet';

/** MQTT 3.1.1 with a socket and mqtt-packet and nothing else, so that the broker is the limit and not the client. */
export interface RawClient {
  readonly socket: Socket;
  /** Whether the broker ended the connection. */
  readonly isClosed: boolean;
  readonly acknowledged: number;
  /** Publishes of QoS 1, `window` of them unanswered at a time; resolves when the last is acknowledged. */
  run(packets: readonly Buffer[], window: number): Promise<void>;
  /** One publish of QoS 1; resolves at its PUBACK. */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  subscribe(topic: string): Promise<void>;
  /** Writes without waiting. */
  write(packet: Buffer): boolean;
  onAcknowledged(listener: (messageId: number) => void): void;
  onMessage(listener: (topic: string, payload: Uint8Array) => void): void;
  onClose(listener: () => void): void;
  end(): void;
}

export interface RawConnect {
  readonly port: number;
  readonly host?: string;
  readonly isTls: boolean;
  readonly clientId: string;
  /** Bound to the TLS session by its exporter value. */
  readonly password?: (exporter: Uint8Array | null) => Uint8Array;
}

const MAX_MESSAGE_ID = 60_000;

export function publishPacket(topic: string, payload: Uint8Array, messageId: number, qos: 0 | 1 = 1): Buffer {
  return generate({
    cmd: 'publish',
    topic,
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    qos,
    ...(qos === 1 ? { messageId } : {}),
    dup: false,
    retain: false,
  });
}

/** Message ids go round; more than a window never waits at a time. */
export const messageIdOf = (index: number): number => (index % MAX_MESSAGE_ID) + 1;

export async function connectRaw(options: RawConnect): Promise<RawClient> {
  const { socket, exporter } = await openSocket(options);
  socket.setNoDelay(true);
  const parse = parser({ protocolVersion: 4 });
  let acknowledged = 0;
  let isClosed = false;
  let listen: (messageId: number) => void = () => {};
  let hear: (topic: string, payload: Uint8Array) => void = () => {};
  let closed: () => void = () => {};
  let fill: () => void = () => {};
  let opened: (packet: Packet) => void = () => {};
  let subscribed: () => void = () => {};
  socket.on('error', () => {});
  socket.on('close', () => {
    isClosed = true;
    closed();
    fill();
  });
  parse.on('error', () => socket.destroy());
  parse.on('packet', (packet: Packet) => {
    if (packet.cmd === 'puback') {
      acknowledged++;
      listen(packet.messageId ?? 0);
    } else if (packet.cmd === 'publish') {
      if (packet.qos === 1) socket.write(generate({ cmd: 'puback', messageId: packet.messageId! }));
      hear(packet.topic, packet.payload as Buffer);
    } else if (packet.cmd === 'connack') opened(packet);
    else if (packet.cmd === 'suback') subscribed();
  });
  socket.on('data', (chunk: Buffer) => {
    parse.parse(chunk);
    fill();
  });
  await new Promise<void>((resolve, reject) => {
    closed = () => reject(new Error('the broker closed before CONNACK'));
    opened = (packet) => {
      if (packet.cmd === 'connack' && packet.returnCode === 0) resolve();
      else reject(new Error('the broker refused the login'));
    };
    socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        clientId: options.clientId,
        keepalive: 300,
        ...(options.password === undefined
          ? {}
          : { username: options.clientId, password: Buffer.from(options.password(exporter)) }),
      }),
    );
  });
  closed = () => {};
  const client: RawClient = {
    socket,
    get isClosed() {
      return isClosed;
    },
    get acknowledged() {
      return acknowledged;
    },
    run: (packets, window) =>
      new Promise((resolve, reject) => {
        const base = acknowledged;
        let sent = 0;
        fill = () => {
          if (isClosed) return reject(new Error('the broker closed the connection'));
          const answered = acknowledged - base;
          if (answered >= packets.length) {
            fill = () => {};
            return resolve();
          }
          if (sent === packets.length || sent - answered >= window) return;
          socket.cork();
          while (sent < packets.length && sent - answered < window) socket.write(packets[sent++]!);
          socket.uncork();
        };
        fill();
      }),
    publish(topic, payload) {
      return client.run([publishPacket(topic, payload, MAX_MESSAGE_ID + 1)], 1);
    },
    subscribe: (topic) =>
      new Promise((resolve) => {
        subscribed = resolve;
        socket.write(generate({ cmd: 'subscribe', messageId: MAX_MESSAGE_ID + 2, subscriptions: [{ topic, qos: 1 }] }));
      }),
    write: (packet) => socket.write(packet),
    onAcknowledged(listener) {
      listen = listener;
    },
    onMessage(listener) {
      hear = listener;
    },
    onClose(listener) {
      closed = listener;
    },
    end: () => void socket.destroy(),
  };
  return client;
}

function openSocket(options: RawConnect): Promise<{ socket: Socket; exporter: Uint8Array | null }> {
  const { port, host = '127.0.0.1' } = options;
  return new Promise((resolve, reject) => {
    if (!options.isTls) {
      const socket = connectPlain(port, host);
      socket.once('connect', () => resolve({ socket, exporter: null }));
      socket.once('error', reject);
      return;
    }
    // The gateway's certificate proves nothing here: its beacon does.
    const socket: TLSSocket = connectTls({
      port,
      host,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ecdhCurve: 'X25519MLKEM768',
    });
    socket.once('secureConnect', () =>
      resolve({ socket, exporter: Uint8Array.from(socket.exportKeyingMaterial(32, 'EXPORTER-ps1', Buffer.alloc(0))) }),
    );
    socket.once('error', reject);
  });
}
