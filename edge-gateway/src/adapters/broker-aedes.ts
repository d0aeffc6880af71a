import { createHash } from 'node:crypto';
import { createServer as createNetServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { parseTopic } from '@pulseseal/protocol';
import { Aedes, type AedesOptions, type Client, type PublishPacket } from 'aedes';
import { gatewayFailure } from '../failures.ts';
import { MAX_CONNECT_BYTES, MAX_PACKET_BYTES, MAX_SUBSCRIPTIONS, MAX_TOPIC_CHARACTERS } from '../limits.ts';
import type { Broker, BrokerHandlers, InboundPacket, Session } from '../ports.ts';
import type { GatewaySettings } from '../settings.ts';

export interface AedesBrokerSettings {
  readonly host: string;
  /** 0: any free port. Undefined: no TLS listener. */
  readonly tls?: {
    readonly port: number;
    readonly certificatePem: string;
    readonly privateKeyPem: string;
    readonly spki: Uint8Array;
  };
  /** For benches and tests, loopback only. */
  readonly plainPort?: number;
  readonly limits: Pick<GatewaySettings, 'maxConnections' | 'connectTimeoutMs' | 'keepaliveLimitS'>;
}

/** The only group: a client without ML-KEM-768 is refused. */
const GROUP = 'X25519MLKEM768';
const EXPORTER_LABEL = 'EXPORTER-ps1';
const LOOPBACK = new Set(['127.0.0.1', '::1', 'localhost']);

/** Publishes of clients end at the gateway: the broker routes nothing between clients. */
class IngestBroker extends Aedes {
  override subscribe(topic: string, deliver: never, done: () => void): void {
    // What a device hears comes by `send`: its entry in the tree of topics would never be found.
    if (isOfDevice(topic)) setImmediate(done);
    else super.subscribe(topic, deliver, done);
  }

  override unsubscribe(topic: string, deliver: never, done: () => void): void {
    if (isOfDevice(topic)) setImmediate(done);
    else super.unsubscribe(topic, deliver, done);
  }

  override publish(packet: PublishPacket, ...rest: never[]): void {
    const [client, done] = rest as readonly unknown[];
    if (client !== null && client !== undefined && typeof client !== 'function') {
      if (typeof done === 'function') done();
      return;
    }
    const pass = super.publish as (...args: unknown[]) => void;
    pass.call(this, packet, ...rest);
  }
}

interface Parser {
  client: Attached;
  settings: { password?: unknown };
  packet: { length: number; cmd: string };
  _parseLength(): boolean;
  _emitError(error: Error): unknown;
}

interface Attached extends Client {
  session?: Session;
  _parser: Parser;
  subscriptions: Record<string, unknown>;
}

export function createAedesBroker(settings: AedesBrokerSettings): Broker {
  const { host, tls, plainPort, limits } = settings;
  if (plainPort !== undefined && !LOOPBACK.has(host)) throw new RangeError('a plain listener is for loopback only');
  const sockets = new Set<Socket>();
  const clients = new Map<string, Attached>();
  const readers = new Map<string, number>();
  let aedes: Aedes | undefined;
  let servers: Server[] = [];
  let handlers: BrokerHandlers | undefined;

  // One for all: a function of its own for each socket, and `once`, would be kept as long as the socket.
  const forget = function (this: Socket) {
    sockets.delete(this);
  };
  const parseLength = boundedLength(() => handlers?.refused('packet-too-large'));

  const track = (socket: Socket) => {
    // Before anything else can fail: an unhandled socket error would end the process.
    socket.on('error', quiet);
    sockets.add(socket);
    socket.on('close', forget);
  };
  const admit = (socket: Socket): boolean => {
    if (sockets.size < limits.maxConnections && handlers?.admitConnection(socket.remoteAddress ?? '') === true)
      return true;
    handlers?.refused('connection-rate');
    socket.on('error', quiet);
    socket.destroy();
    return false;
  };
  const attach = (broker: Aedes, socket: Socket) => {
    socket.setNoDelay(true);
    (broker.handle(socket) as Attached)._parser._parseLength = parseLength;
  };
  const count = (topic: string, by: number) => {
    if (isOfDevice(topic)) return;
    const now = (readers.get(topic) ?? 0) + by;
    if (now <= 0) readers.delete(topic);
    else readers.set(topic, now);
  };

  return {
    tlsSpkiHash: tls === undefined ? null : Uint8Array.from(createHash('sha256').update(tls.spki).digest()),
    async start(given) {
      handlers = given;
      const broker = new IngestBroker(aedesOptions(given, limits, clients));
      aedes = broker;
      await broker.listen();
      broker.on('subscribe', (subscriptions, client) => {
        const { session } = client as Attached;
        if (session === undefined) return;
        for (const { topic } of subscriptions) {
          if ((client as Attached).subscriptions[topic] === undefined) continue;
          count(topic, 1);
          given.subscribed(session, topic);
        }
      });
      broker.on('unsubscribe', (topics) => {
        for (const topic of topics) count(topic, -1);
      });
      broker.on('clientReady', (client) => clients.set(client.id, client as Attached));
      broker.on('clientDisconnect', (client) => {
        if (clients.get(client.id) === client) clients.delete(client.id);
        const { session } = client as Attached;
        if (session !== undefined) given.gone(session, true);
      });
      broker.on('connectionError', (_client, error) =>
        given.refused(/in time/.test(error.message) ? 'timeout' : 'protocol'),
      );
      broker.on('clientError', () => {});
      const address: { tlsPort: number | undefined; plainPort: number | undefined } = {
        tlsPort: undefined,
        plainPort: undefined,
      };
      if (tls !== undefined) {
        const server = createTlsServer({
          key: tls.privateKeyPem,
          cert: tls.certificatePem,
          minVersion: 'TLSv1.3',
          ecdhCurve: GROUP,
          handshakeTimeout: limits.connectTimeoutMs,
        });
        server.on('connection', (socket: Socket) => {
          if (admit(socket)) track(socket);
        });
        server.on('tlsClientError', (_error, socket) => {
          given.refused('tls');
          socket.destroy();
        });
        server.on('secureConnection', (socket) => {
          socket.on('error', quiet);
          attach(broker, socket);
        });
        servers.push(server);
        address.tlsPort = await listen(server, tls.port, host);
      }
      if (plainPort !== undefined) {
        const server = createNetServer((socket) => {
          if (!admit(socket)) return;
          track(socket);
          attach(broker, socket);
        });
        servers.push(server);
        address.plainPort = await listen(server, plainPort, host);
      }
      return address;
    },
    async stop() {
      const closing = servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve())));
      servers = [];
      await new Promise<void>((resolve) => (aedes === undefined ? resolve() : aedes.close(() => resolve())));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closing);
      handlers = undefined;
    },
    retain(topic, payload) {
      aedes?.publish({ cmd: 'publish', topic, payload: asBuffer(payload), qos: 1, retain: true, dup: false }, () => {});
    },
    send(identity, topic, payload, isRetained = false) {
      const client = clients.get(identity);
      if (client === undefined || client.closed || client.subscriptions[topic] === undefined) return false;
      client.publish(
        { cmd: 'publish', topic, payload: asBuffer(payload), qos: 1, retain: isRetained, dup: false },
        () => {},
      );
      return true;
    },
    publish(topic, payload) {
      aedes?.publish(
        { cmd: 'publish', topic, payload: asBuffer(payload), qos: 1, retain: false, dup: false },
        () => {},
      );
    },
    isConnected: (identity) => clients.has(identity),
    hasReader: (topic) => readers.has(topic),
    disconnect: (identity) => clients.get(identity)?.close(),
    get connections() {
      return clients.size;
    },
  };
}

function aedesOptions(
  handlers: BrokerHandlers,
  limits: AedesBrokerSettings['limits'],
  clients: ReadonlyMap<string, Attached>,
): AedesOptions {
  return {
    // The default of 100 overflows the stack under a QoS 0 flood of 200 clients and ends the process.
    concurrency: 0,
    connectTimeout: limits.connectTimeoutMs,
    keepaliveLimit: limits.keepaliveLimitS,
    maxClientsIdLength: 23,
    maxTopicLevels: 8,
    drainTimeout: 20_000,
    preConnect(_client, packet, done) {
      if (!/^[A-Za-z0-9_-]{22}$/.test(packet.clientId)) {
        handlers.refused('client-id');
        done(new Error('client id'), false);
        return;
      }
      // Sessions are never kept: a device keeps its spool, and an offline queue would grow without it.
      packet.clean = true;
      done(null, true);
    },
    authenticate(client, _username, password, done) {
      handlers
        .login({
          clientId: client.id,
          password: password as Uint8Array | undefined,
          exporter: exporterOf(client.conn),
          address: (client.conn as Partial<Socket>).remoteAddress ?? '',
        })
        .then(
          (session) => {
            if (client.closed) {
              // It never was the broker's client, which will not tell its end.
              if (session !== undefined) handlers.gone(session, false);
              return;
            }
            if (session !== undefined) (client as Attached).session = session;
            // The parser keeps the whole CONNECT: 8 kB of password for as long as the connection lives.
            (client as Attached)._parser.settings.password = undefined;
            done(null, session !== undefined);
          },
          () => done(null, false),
        );
    },
    authorizePublish(client, packet, done) {
      const { session } = (client ?? {}) as Partial<Attached>;
      // A will: judged when it was announced in CONNECT, and it only says that the session ended.
      if (client === null || session === undefined) return done(new Error('no session'));
      if (packet.qos === 2 || packet.topic.length > MAX_TOPIC_CHARACTERS || hasControl(packet.topic)) {
        handlers.refused(packet.qos === 2 ? 'qos-2' : 'topic');
        return done(new Error('refused'));
      }
      const isWill = client.closed;
      if (isWill) {
        if (!handlers.mayWill(session, packet.topic, packet.payload as Uint8Array)) handlers.refused('topic');
        return done(new Error('the will ends here'));
      }
      const inbound: InboundPacket = {
        topic: packet.topic,
        payload: plainView(packet.payload as Uint8Array),
        qos: packet.qos,
        isRetained: packet.retain,
      };
      handlers.publish(session, inbound, (verdict) => {
        if (verdict === 'acknowledge') return done(null);
        // A publish of QoS 0 has no PUBACK: this is how it is withheld without closing the connection.
        packet.qos = 0;
        packet.retain = false;
        if (verdict === 'drop') return done(null);
        done(new Error('refused'));
      });
    },
    authorizeSubscribe(client, subscription, done) {
      const { session } = client as Attached;
      const refuse = () => {
        handlers.refused('subscribe');
        done(null, null);
      };
      const { topic } = subscription;
      if (session === undefined || topic.length > MAX_TOPIC_CHARACTERS || hasControl(topic)) return refuse();
      if (Object.keys((client as Attached).subscriptions).length >= MAX_SUBSCRIPTIONS) return refuse();
      Promise.resolve(handlers.maySubscribe(session, topic)).then(
        (isAllowed) => (isAllowed ? done(null, subscription) : refuse()),
        refuse,
      );
    },
    authorizeForward: (client, packet) => (clients.get(client.id) === undefined ? null : packet),
  };
}

/** For every socket: its end is told by `close`. */
const quiet = () => {};

/** Only `send` speaks on a device's own topics. */
const isOfDevice = (text: string): boolean => parseTopic(text)?.kind === 'device';

/** Refuses a packet by its announced length: the parser itself would collect up to 256 MB of it. */
function boundedLength(refused: () => void): (this: Parser) => boolean {
  return function () {
    const parseLength = (Object.getPrototypeOf(this) as Parser)._parseLength;
    const isWhole = parseLength.call(this);
    const most = this.client.connected ? MAX_PACKET_BYTES : MAX_CONNECT_BYTES;
    if (isWhole && this.packet.length > most) {
      refused();
      this._emitError(new Error('packet too large'));
      this.client.conn.destroy();
      return false;
    }
    return isWhole;
  };
}

/** RFC 9266 style binding of a login to this very TLS session. */
function exporterOf(conn: unknown): Uint8Array | undefined {
  const socket = conn as Partial<TLSSocket>;
  if (typeof socket.exportKeyingMaterial !== 'function') return undefined;
  return Uint8Array.from(socket.exportKeyingMaterial(32, EXPORTER_LABEL, Buffer.alloc(0)));
}

function hasControl(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return true;
  }
  return false;
}

/** Not a Buffer: its `slice` would be a view into the socket's 64 kB, not the copy that is meant. */
const plainView = (b: Uint8Array): Uint8Array => new Uint8Array(b.buffer, b.byteOffset, b.byteLength);

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(gatewayFailure('listen-failed', `${host}:${port}`, error));
    server.once('error', fail);
    server.listen(port, host, () => {
      server.off('error', fail);
      server.on('error', () => {});
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
