import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { deviceLimits } from '../src/device/limits.ts';
import type { LocalLinkPort } from '../src/device/ports.ts';
import { connectLocalLink, listenLocalLink } from '../src/mod.ts';

describe('the local link over a socket', () => {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });
  const desk = async () => {
    const got: Uint8Array[] = [];
    const links: LocalLinkPort[] = [];
    const server = await listenLocalLink(0, (link) => {
      links.push(link);
      link.onMessage((bytes) => got.push(bytes));
    });
    ends.push(() => server.close());
    return { got, links, port: (server.address() as AddressInfo).port };
  };
  const settle = () => new Promise((resolve) => setTimeout(resolve, 20));

  it('puts the length as 4 bytes big-endian before each message [ENROL-1]', async () => {
    const { links, port } = await desk();
    const socket = connect(port, '127.0.0.1');
    ends.push(() => socket.destroy());
    await once(socket, 'connect');
    while (links.length === 0) await settle();
    links[0]!.send(new Uint8Array(258).fill(9));
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    expect([...bytes.subarray(0, 5)]).toEqual([0, 0, 1, 2, 9]);
    expect(bytes.length).toBe(262);
  });

  it('finds the borders again however the bytes are cut or joined [ENROL-1]', async () => {
    const { got, port } = await desk();
    const socket = connect(port, '127.0.0.1').setNoDelay(true);
    ends.push(() => socket.destroy());
    const both = Buffer.from([0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 1, 7]);
    socket.write(both);
    for (const byte of both) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    while (got.length < 4) await settle();
    expect(got.map((bytes) => [...bytes])).toEqual([[1, 2, 3], [7], [1, 2, 3], [7]]);
  });

  it.each([0, deviceLimits.maxMessageBytes + 1, 0xffff_ffff])('ends at a message of %d bytes', async (length) => {
    const { got, port } = await desk();
    const link = await connectLocalLink('127.0.0.1', port);
    link.close();
    const socket = connect(port, '127.0.0.1');
    const head = Buffer.alloc(8);
    head.writeUInt32BE(length);
    socket.on('error', () => {});
    socket.write(head);
    await once(socket, 'close');
    expect(got).toEqual([]);
  });
});
