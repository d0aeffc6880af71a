import { type AddressInfo, createServer as createPlain, connect as dialPlain, type Socket } from 'node:net';
import { createServer as createTls, connect as dialTls } from 'node:tls';
import { createMemoryKeyStore } from '@pulseseal/crypto';
import { loadTls } from '@pulseseal/edge-gateway';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import mqtt from 'mqtt-packet';

const GROUP = 'X25519MLKEM768';

interface End {
  readonly port: number;
  end(): Promise<void>;
}

/** TLS of somebody else than the gateway: same rules, another key. */
async function falseCertificate() {
  const tls = await loadTls(createMemoryKeyStore(createSystemClock()), createSystemRandom(), createSystemClock(), [
    'localhost',
  ]);
  return { key: tls.privateKeyPem, cert: tls.certificatePem, minVersion: 'TLSv1.3' as const, ecdhCurve: GROUP };
}

function listen(server: ReturnType<typeof createPlain>, sockets: Set<Socket>): Promise<End> {
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve({
        port: (server.address() as AddressInfo).port,
        end() {
          for (const socket of sockets) socket.destroy();
          return new Promise((done) => server.close(() => done()));
        },
      }),
    ),
  );
}

const tie = (a: Socket, b: Socket, sockets: Set<Socket>) => {
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    sockets.add(one);
    one.on('error', () => {});
    one.once('close', () => other.destroy());
    one.pipe(other);
  }
};

/** What a broker answers to a CONNECT, byte for byte, until it closes the connection. */
export function answerTo(port: number, clientId: string, password: Uint8Array): Promise<Uint8Array> {
  const socket = dialPlain(port, '127.0.0.1');
  const heard: Uint8Array[] = [];
  socket.on('error', () => {});
  socket.on('data', (chunk: Uint8Array) => heard.push(chunk));
  socket.write(
    mqtt.generate({
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      keepalive: 30,
      clientId,
      username: 'ps1',
      password: Buffer.from(password),
    }),
  );
  return new Promise((resolve) => socket.once('close', () => resolve(Buffer.concat(heard))));
}

/** The password of the first CONNECT among bytes that somebody read on a wire. */
export function passwordIn(seen: Uint8Array): Uint8Array | undefined {
  const parser = mqtt.parser({ protocolVersion: 4 });
  let password: Uint8Array | undefined;
  parser.on('packet', (packet: mqtt.Packet) => {
    if (packet.cmd === 'connect' && packet.password !== undefined)
      password ??= Uint8Array.from(packet.password as Buffer);
  });
  parser.parse(Buffer.from(seen));
  return password;
}

/** A man in the middle: ends the client's TLS with a key of its own and speaks TLS to the gateway itself. */
export async function startMiddle(gatewayPort: number): Promise<End & { readonly seen: () => Uint8Array }> {
  const sockets = new Set<Socket>();
  const seen: Uint8Array[] = [];
  const server = createTls(await falseCertificate(), (near) => {
    near.on('data', (chunk: Uint8Array) => seen.push(chunk));
    const far = dialTls({ port: gatewayPort, host: '127.0.0.1', rejectUnauthorized: false, ecdhCurve: GROUP });
    tie(near, far, sockets);
  });
  server.on('tlsClientError', () => {});
  return { ...(await listen(server, sockets)), seen: () => Buffer.concat(seen) };
}

/** A false broker: lets everybody in, acknowledges everything, keeps nothing; shows the genuine beacon it once heard. */
export async function startFalseBroker(
  retained: ReadonlyMap<string, Uint8Array>,
): Promise<End & { readonly acknowledged: () => number }> {
  const sockets = new Set<Socket>();
  let acknowledged = 0;
  const server = createTls(await falseCertificate(), (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    const parser = mqtt.parser({ protocolVersion: 4 });
    const say = (packet: mqtt.Packet) => socket.write(mqtt.generate(packet));
    parser.on('packet', (packet: mqtt.Packet) => {
      if (packet.cmd === 'connect') say({ cmd: 'connack', returnCode: 0, sessionPresent: false });
      if (packet.cmd === 'pingreq') say({ cmd: 'pingresp' });
      if (packet.cmd === 'publish' && packet.qos === 1) {
        acknowledged++;
        say({ cmd: 'puback', messageId: packet.messageId ?? 0 });
      }
      if (packet.cmd !== 'subscribe') return;
      say({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: packet.subscriptions.map(() => 1) });
      for (const { topic } of packet.subscriptions) {
        const payload = retained.get(topic);
        if (payload !== undefined)
          say({ cmd: 'publish', topic, payload: Buffer.from(payload), qos: 0, retain: true, dup: false });
      }
    });
    parser.on('error', () => socket.destroy());
    socket.on('data', (chunk: Buffer) => parser.parse(chunk));
  });
  server.on('tlsClientError', () => {});
  return { ...(await listen(server, sockets)), acknowledged: () => acknowledged };
}

/** One address whose other end the test moves: every connection through it falls when it does. */
export async function startSwitch(firstPort: number): Promise<End & { turnTo(port: number): void }> {
  const sockets = new Set<Socket>();
  let target = firstPort;
  const server = createPlain((near) => tie(near, dialPlain(target, '127.0.0.1'), sockets));
  return {
    ...(await listen(server, sockets)),
    turnTo(port) {
      target = port;
      for (const socket of sockets) socket.destroy();
      sockets.clear();
    },
  };
}
