import { once } from 'node:events';
import { request } from 'node:https';
import { createServer, type Socket } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import { createSilentLogger, createSystemRandom } from '@pulseseal/runtime';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filled, pseudonym, saltedKeyHash, tenant } from '../../../chaincode/test/actors.ts';
import {
  connectLedger,
  encodePlaces,
  type Ledger,
  type LedgerServer,
  type LocalLedger,
  ledgerCalls,
  ledgerCertificate,
  serveLedger,
} from '../src/mod.ts';
import { createPinnedAgent } from '../src/pinned-agent.ts';
import { parseAnswer } from '../src/wire.ts';
import { actors, clock, codeOf, createActing, crypto, openLocal, temporaryFolder } from './ground.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let local: LocalLedger;
let server: LedgerServer;
const clients: Ledger[] = [];

const certificateOf = (byte: number) => ledgerCertificate(filled(32, byte), createSystemRandom(), clock, crypto);
const client = (changes: Partial<Parameters<typeof connectLedger>[0]> = {}): Ledger => {
  const made = connectLedger({ url: server.url, spkiHash: server.spkiHash, clock, answerTimeoutMs: 2000, ...changes });
  clients.push(made);
  return made;
};

beforeEach(async () => {
  folder = await temporaryFolder();
  local = await openLocal(folder.dir);
  server = await serveLedger({ ledger: local, certificate: certificateOf(1), clock, logger: createSilentLogger() });
});
afterEach(async () => {
  for (const made of clients.splice(0)) await made.close();
  await server.close();
  await local.close();
  await folder.remove();
});

/** The TLS group and version that a connection gets, or undefined when the server refuses. */
async function handshake(options: ConnectionOptions): Promise<{ group: string; version: string } | undefined> {
  const { hostname, port } = new URL(server.url);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false, ...options });
  try {
    await once(socket, 'secureConnect');
    const { name = '' } = socket.getEphemeralKeyInfo() as { name?: string };
    return { group: name, version: socket.getProtocol()! };
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}

/** Sends raw bytes as one request over a pinned connection and gives the code of the answer. */
async function rawCode(body: Uint8Array, method = 'POST'): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const agent = createPinnedAgent({
    host: hostname,
    port: Number(port),
    spkiHash: server.spkiHash,
    maxSockets: 1,
    clock,
    handshakeMs: 2000,
  });
  try {
    const message = request({ hostname, port, method, agent, headers: { 'content-length': body.length } });
    message.end(body);
    const [response] = await once(message, 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return await codeOf((async () => parseAnswer(new Uint8Array(Buffer.concat(chunks)), () => undefined))());
  } finally {
    agent.destroy();
  }
}

test('speaks TLS 1.3 with X25519MLKEM768 and nothing weaker', async () => {
  expect(await handshake({})).toEqual({ group: 'X25519MLKEM768', version: 'TLSv1.3' });
  expect(await handshake({ ecdhCurve: 'X25519' })).toBeUndefined();
  expect(await handshake({ ecdhCurve: 'P-256:X25519' })).toBeUndefined();
  expect(await handshake({ maxVersion: 'TLSv1.2' })).toBeUndefined();
});

test('a client speaks only to the key it pinned, and sends nothing to another', async () => {
  expect(await codeOf(client({ spkiHash: certificateOf(2).spkiHash }).identity())).toBe('ledger-pin');
  expect(await codeOf(client({ spkiHash: new Uint8Array(0) }).identity())).toBe('ledger-pin');
  expect(await codeOf(client().identity())).toBe('fulfilled');
});

test('the same seed keeps its pin when the certificate is made again', () => {
  expect(certificateOf(1).spkiHash).toEqual(certificateOf(1).spkiHash);
  expect(certificateOf(1).spkiHash).not.toEqual(certificateOf(2).spkiHash);
});

test.each([
  ['nothing', new Uint8Array(0), 'request-malformed'],
  ['noise', filled(100, 0xff), 'request-malformed'],
  ['an unknown operation', encodePlaces(['erase']), 'request-malformed'],
  ['a place too many', encodePlaces(['identity', 1]), 'request-malformed'],
  ['a number where bytes belong', encodePlaces(['anchor', 1, 1]), 'request-malformed'],
  [
    'a number of 2^53',
    Uint8Array.of(0x82, 0x65, ...Buffer.from('block'), 0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0),
    'request-malformed',
  ],
  ['an array that claims 2^32 items', Uint8Array.of(0x9a, 0xff, 0xff, 0xff, 0xff), 'request-malformed'],
  ['half a megabyte', filled(512 * 1024, 1), 'request-too-large'],
])('refuses %s by name and stays up', async (_what, body, code) => {
  // A body that is cut off may end the connection before the answer is read.
  expect([code, 'EPIPE', 'ECONNRESET']).toContain(await rawCode(body).catch((error) => String(error.code)));
  expect(await codeOf(client().identity())).toBe('fulfilled');
});

test('a request that is too large is not even sent', async () => {
  const code = await codeOf(client().submit('PutManifest', [], { transient: [filled(300 * 1024, 1)] }));
  expect(code).toBe('request-too-large');
});

test('a ledger that is away is unreachable, kind retry-later, and found again at the same address', async () => {
  const { port } = new URL(server.url);
  const waiting = client();
  expect(await codeOf(waiting.identity())).toBe('fulfilled');
  await server.close();
  await expect(waiting.identity()).rejects.toMatchObject({ code: 'ledger-unreachable', kind: 'retry-later' });
  const settings = { ledger: local, certificate: certificateOf(1), clock, logger: createSilentLogger() };
  server = await serveLedger({ ...settings, port: Number(port) });
  expect(await codeOf(waiting.identity())).toBe('fulfilled');
});

test('a server that never answers ends in time', async () => {
  const sockets = new Set<Socket>();
  const mute = createServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  const { port } = mute.address() as { port: number };
  const startedMs = clock.monotonicMs();
  const asked = client({ url: `https://127.0.0.1:${port}/`, answerTimeoutMs: 300 }).identity();
  await expect(asked).rejects.toMatchObject({ code: 'ledger-unreachable' });
  expect(clock.monotonicMs() - startedMs).toBeLessThan(2000);
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => mute.close(resolve));
});

test('a follower is told when the ledger goes away, and goes on from its cursor', async () => {
  const acting = createActing((await local.identity()).ledgerId);
  await acting.submit(local, actors.operator, ledgerCalls.registerGateway(actors.gateway.key, tenant));
  const stop = new AbortController();
  const follower = client().events(0, stop.signal)[Symbol.asyncIterator]();
  const first = await follower.next();
  expect(first.value?.name).toBe('GatewayRegistered');
  const broken = codeOf(follower.next());
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { port } = new URL(server.url);
  await server.close();
  const outcome = await broken;
  const settings = { ledger: local, certificate: certificateOf(1), clock, logger: createSilentLogger() };
  server = await serveLedger({ ...settings, port: Number(port) });
  expect(['ledger-unreachable', 'fulfilled']).toContain(outcome);
  await acting.submit(
    local,
    actors.owner,
    ledgerCalls.registerDevice(pseudonym, actors.owner.key, saltedKeyHash, crypto),
  );
  const again = client()
    .events(first.value!.height + 1, stop.signal)
    [Symbol.asyncIterator]();
  expect((await again.next()).value?.name).toBe('DeviceRegistered');
  stop.abort();
});

test('stopping a follower ends its wait at once', async () => {
  const stop = new AbortController();
  const follower = client().events(100, stop.signal)[Symbol.asyncIterator]();
  const next = follower.next();
  setTimeout(() => stop.abort(), 50);
  expect(await next).toEqual({ done: true, value: undefined });
});
