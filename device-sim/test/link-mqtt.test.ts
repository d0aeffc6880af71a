import { createServer, type Server, type Socket } from 'node:net';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { createMqttLink, type DeviceLink } from '../src/mod.ts';

let server: Server;
let link: DeviceLink;
const sockets = new Set<Socket>();
afterEach(async () => {
  await link.disconnect();
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

/** Takes every connection; with `answer`, says something to each packet. */
async function listen(answer?: (socket: Socket) => void): Promise<number> {
  server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    socket.on('data', () => answer?.(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const connackAccepted = Buffer.from([0x20, 2, 0, 0]);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Dials with a timeout of 100 ms and looks for a second. */
async function lookFor(url: string, dials: { count: number }): Promise<{ ups: number; downs: string[] }> {
  const seen = { ups: 0, downs: [] as string[] };
  server.on('connection', () => dials.count++);
  link = createMqttLink(
    { clock: createSystemClock(), random: createSystemRandom() },
    { url, connectTimeoutMs: 100, reconnectMs: [20, 40] },
  );
  link.connect(
    { clientId: 'one', password: () => new Uint8Array(1) },
    { up: () => seen.ups++, down: (reason) => seen.downs.push(reason), message: () => {} },
  );
  await pause(1_000);
  return seen;
}

describe('a broker that takes the connection and stays silent', () => {
  it.each(['mqtts', 'mqtt'])('over %s is left after the timeout and dialled again', async (protocol) => {
    const port = await listen();
    const dials = { count: 0 };
    const seen = await lookFor(`${protocol}://127.0.0.1:${port}`, dials);
    expect(dials.count).toBeGreaterThanOrEqual(3);
    expect(dials.count).toBeLessThanOrEqual(10);
    // The old one is closed, not left lying.
    expect(sockets.size).toBeLessThanOrEqual(1);
    expect(seen).toEqual({ ups: 0, downs: [] });
  });

  it('is not one that has answered: that connection stays', async () => {
    const port = await listen((socket) => socket.write(connackAccepted));
    const dials = { count: 0 };
    const seen = await lookFor(`mqtt://127.0.0.1:${port}`, dials);
    expect([dials.count, seen]).toEqual([1, { ups: 1, downs: [] }]);
  });

  it('keeps nobody from stopping', async () => {
    const port = await listen();
    link = createMqttLink(
      { clock: createSystemClock(), random: createSystemRandom() },
      { url: `mqtts://127.0.0.1:${port}` },
    );
    link.connect(
      { clientId: 'one', password: () => new Uint8Array(1) },
      { up: () => {}, down: () => {}, message: () => {} },
    );
    await pause(50);
    await link.disconnect();
    await pause(50);
    expect(sockets.size).toBe(0);
  });
});
