import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { deviceLimits } from '../device/limits.ts';
import type { LocalLinkPort } from '../device/ports.ts';

/** Messages with their length as 4 bytes big-endian before them (SPEC clause ENROL-1). */
export function localLinkOverSocket(socket: Socket): LocalLinkPort {
  let handler: ((bytes: Uint8Array) => void) | undefined;
  let onClose = () => {};
  let buffered: Buffer = Buffer.alloc(0);
  const drain = () => {
    while (handler !== undefined && buffered.length >= 4) {
      const length = buffered.readUInt32BE(0);
      if (length === 0 || length > deviceLimits.maxMessageBytes) {
        socket.destroy();
        return;
      }
      if (buffered.length < 4 + length) return;
      const message = new Uint8Array(buffered.subarray(4, 4 + length));
      buffered = buffered.subarray(4 + length);
      handler(message);
    }
  };
  socket.on('data', (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    // A handler comes soon after the connection; until then a peer may not fill the memory.
    if (handler === undefined && buffered.length > 2 * deviceLimits.maxMessageBytes) socket.destroy();
    drain();
  });
  socket.on('error', () => socket.destroy());
  socket.on('close', () => onClose());
  return {
    send(bytes) {
      if (socket.destroyed) return;
      const head = Buffer.alloc(4);
      head.writeUInt32BE(bytes.length);
      socket.write(Buffer.concat([head, bytes]));
    },
    onMessage(next) {
      handler = next;
      drain();
    },
    onClose(next) {
      onClose = next;
      if (socket.destroyed) next();
    },
    close: () => {
      socket.end();
    },
  };
}

/** @throws Error saying where nobody listens */
export function connectLocalLink(host: string, port: number): Promise<LocalLinkPort> {
  return new Promise((resolve, reject) => {
    const socket = dial(port, host);
    const fail = (cause: Error) =>
      reject(new Error(`No patient's agent listens at ${host}:${port}. Start the system first: npm start`, { cause }));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      resolve(localLinkOverSocket(socket));
    });
  });
}

/** Listens on loopback for devices; `onDevice` gets each connection. */
export function listenLocalLink(port: number, onDevice: (link: LocalLinkPort) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => onDevice(localLinkOverSocket(socket)));
    // A desk of devices, not a service: more connections are refused by the system.
    server.maxConnections = 64;
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
