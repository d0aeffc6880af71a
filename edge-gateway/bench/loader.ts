import { connect, type Socket } from 'node:net';
import { generate, parser } from 'mqtt-packet';

/**
 * A raw MQTT loader: sockets and mqtt-packet, nothing else, so that the broker is the limit. Reads its orders as JSON
 * from the parent: frames are made before, so that sealing costs nothing here.
 */
interface Order {
  readonly port: number;
  readonly window: number;
  readonly durationMs: number;
  readonly clients: readonly {
    readonly clientId: string;
    readonly password: string;
    readonly topic: string;
    /** Sent first, one after the other. */
    readonly before: readonly { readonly topic: string; readonly payload: string }[];
    /** Closes go to this topic: an entry that begins with `c`. */
    readonly controlTopic?: string;
    readonly frames: readonly string[];
  }[];
}

interface Runner {
  readonly acknowledged: () => number;
  start(): void;
}

process.once('message', (order: Order) => void run(order));

async function run(order: Order): Promise<void> {
  const runners = await Promise.all(order.clients.map((client) => prepare(order, client)));
  process.send?.({ ready: true });
  await new Promise<void>((resolve) => process.once('message', () => resolve()));
  const startMs = performance.now();
  for (const runner of runners) runner.start();
  const count = () => runners.reduce((sum, runner) => sum + runner.acknowledged(), 0);
  const total = order.clients.reduce((sum, c) => sum + c.frames.filter((f) => !f.startsWith('c:')).length, 0);
  // Ends early once everything is acknowledged.
  while (performance.now() - startMs < order.durationMs && count() < total)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const acknowledged = count();
  process.send?.({ acknowledged, elapsedMs: performance.now() - startMs });
  setTimeout(() => process.exit(0), 50);
}

function prepare(order: Order, client: Order['clients'][number]): Promise<Runner> {
  const bytesOf = (text: string) => Buffer.from(text, 'base64');
  const packets = client.frames.map((frame, i) =>
    generate({
      cmd: 'publish',
      topic: frame.startsWith('c:') ? (client.controlTopic ?? '') : client.topic,
      payload: bytesOf(frame.startsWith('c:') ? frame.slice(2) : frame),
      qos: 1,
      messageId: (i % 60_000) + 1,
      dup: false,
      retain: false,
    }),
  );
  let acknowledged = 0;
  let sent = 0;
  let isRunning = false;
  let closes = 0;
  const isClose = client.frames.map((frame) => frame.startsWith('c:'));
  let socket: Socket;
  const fill = () => {
    socket.cork();
    while (isRunning && sent - acknowledged < order.window && sent < packets.length) socket.write(packets[sent++]!);
    socket.uncork();
  };
  return new Promise((resolve, reject) => {
    socket = connect(order.port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('error', reject);
    const parse = parser();
    let early = 0;
    const sendEarly = () => {
      const next = client.before[early];
      if (next === undefined) {
        resolve({
          acknowledged: () => acknowledged - closes,
          start() {
            isRunning = true;
            fill();
          },
        });
        return;
      }
      early++;
      socket.write(
        generate({
          cmd: 'publish',
          topic: next.topic,
          payload: bytesOf(next.payload),
          qos: 1,
          messageId: 65_000 + early,
          dup: false,
          retain: false,
        }),
      );
    };
    parse.on('packet', (packet) => {
      if (packet.cmd === 'connack') {
        if (packet.returnCode !== 0) reject(new Error(`refused: ${packet.returnCode}`));
        sendEarly();
      }
      if (packet.cmd === 'puback') {
        if (isRunning) {
          if (isClose[(packet.messageId ?? 1) - 1] === true) closes++;
          acknowledged++;
        } else sendEarly();
      }
    });
    socket.on('data', (chunk: Buffer) => {
      parse.parse(chunk);
      if (isRunning) fill();
    });
    socket.write(
      generate({
        cmd: 'connect',
        protocolId: 'MQTT',
        protocolVersion: 4,
        clean: true,
        clientId: client.clientId,
        keepalive: 60,
        username: 'ps1',
        password: bytesOf(client.password),
      }),
    );
  });
}
