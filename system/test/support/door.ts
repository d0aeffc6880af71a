import { connect, createServer, type Server, type Socket } from 'node:net';

/** One address for devices, whatever port the gateway behind it has after a restart. */
export interface Door {
  readonly port: number;
  close(): Promise<void>;
}

export async function openDoor(innerPort: () => number): Promise<Door> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const inner = connect(innerPort(), '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    for (const [a, b] of [
      [socket, inner],
      [inner, socket],
    ] as const) {
      sockets.add(a);
      a.on('error', () => {});
      a.on('close', () => {
        sockets.delete(a);
        b.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
