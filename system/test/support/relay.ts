import { connect, createServer, type Socket } from 'node:net';

/** A wire between two ends that keeps what passes, as the network or a broker's operator could. */
export interface Relay {
  readonly port: number;
  recorded(): Uint8Array;
  end(): Promise<void>;
}

export async function startRelay(toPort: number): Promise<Relay> {
  const chunks: Uint8Array[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(toPort, '127.0.0.1');
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('data', (chunk: Uint8Array) => {
        chunks.push(chunk);
        to.write(chunk);
      });
      from.once('close', () => to.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    recorded: () => Buffer.concat(chunks),
    end() {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
