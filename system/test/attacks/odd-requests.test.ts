import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createNativeCrypto } from '@pulseseal/crypto';
import { connectLedger, createLocalLedger, ledgerCertificate, serveLedger } from '@pulseseal/ledger';
import { openLog } from '@pulseseal/log';
import { createMessageSigner } from '@pulseseal/protocol';
import {
  createMetrics,
  createSeededRandom,
  createSilentLogger,
  createSystemClock,
  createSystemRandom,
} from '@pulseseal/runtime';
import { createApi, createMemoryJournal, createSessions, createTwinService } from '@pulseseal/twin-service';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serveMetrics } from '../../src/processes/metrics-server.ts';

/** What is said to a server before anybody is known, and whether its end is cut off in the middle. */
interface Odd {
  readonly bytes: string;
  readonly isHalf?: boolean;
}

const asked = (line: string, ...headers: string[]): Odd => ({
  bytes: [`${line} HTTP/1.1`, 'Host: x', 'Connection: close', ...headers, '', ''].join('\r\n'),
});
const raw = (bytes: string): Odd => ({ bytes });
const half = (bytes: string): Odd => ({ bytes, isHalf: true });
const upgrade = (target: string, ...headers: string[]): Odd => ({
  bytes: [`GET ${target} HTTP/1.1`, 'Host: x', 'Connection: Upgrade', ...headers, '', ''].join('\r\n'),
});
const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==';
const version = 'Sec-WebSocket-Version: 13';
const socket = (target: string, ...headers: string[]) =>
  upgrade(target, 'Upgrade: websocket', key, version, ...headers);

const targets = [
  ...['//', '///', '//evil/api/live', 'http://[', 'http://[::1', 'http://', 'http://x:99999/', 'x', '*', '/%', '/%zz'],
  ...['/%00', '/%c0%ae%c0%ae/', '/..%2f..%2fpackage.json', '/../../package.json', '/api/%', '/api/patients/%ff'],
  ...['/api/live?wave=%', '/api/live?%ff=%zz', '/?'.padEnd(6_000, '?'), `/${'x'.repeat(100_000)}`, '/\u00ff\u00fe'],
];
const odd: Readonly<Record<string, Odd>> = {
  ...Object.fromEntries(targets.map((target) => [`GET ${target.slice(0, 30)}`, asked(`GET ${target}`)])),
  ...Object.fromEntries(targets.map((target) => [`upgrade of ${target.slice(0, 30)}`, socket(target)])),
  ...Object.fromEntries(
    ['FOO', 'TRACE', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'PROPFIND', 'M-SEARCH', 'get'].map((method) => [
      `method ${method}`,
      asked(`${method} /healthz`),
    ]),
  ),
  'OPTIONS *': asked('OPTIONS *'),
  'OPTIONS of a foreign page': asked('OPTIONS /api/board', 'Origin: http://x', 'Access-Control-Request-Method: GET'),
  'CONNECT to another place': asked('CONNECT evil.example:443'),
  'CONNECT of junk': asked('CONNECT //'),
  'no Host': raw('GET / HTTP/1.1\r\nConnection: close\r\n\r\n'),
  'two Hosts': asked('GET /', 'Host: y'),
  'Host that is none': raw('GET / HTTP/1.1\r\nHost: [\r\nConnection: close\r\n\r\n'),
  'HTTP/0.9': half('GET /\r\n'),
  'HTTP/2 preface': raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  'another protocol': raw('SSH-2.0-OpenSSH_9.9\r\n'),
  'a TLS greeting': raw('\u0016\u0003\u0001\u0000\u0005\u0001\u0000\u0000\u0001\u0003'),
  'zero bytes': raw('\0'.repeat(64)),
  'a header without end': raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}`),
  'a thousand headers': asked('GET /', ...Array.from({ length: 3_000 }, (_, i) => `x${i}: y`)),
  'two lengths': asked('POST /api/login', 'Content-Length: 1', 'Content-Length: 2'),
  'a length that is none': asked('POST /api/login', 'Content-Length: -1'),
  'a length beyond all': half(
    'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n',
  ),
  'chunks of junk': raw(
    'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
  ),
  'an unknown content type': raw(
    'POST /api/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\n{}',
  ),
  'a body that is no JSON': raw(
    'POST /api/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{]',
  ),
  'a prototype in JSON': raw(
    'POST /api/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: 24\r\n\r\n{"__proto__":{"code":1}}',
  ),
  'a token of junk': asked('GET /api/board', `Authorization: Bearer ${'\u00ff'.repeat(500)}`),
  'an upgrade to nothing': upgrade('/api/live', 'Upgrade:'),
  'an upgrade to HTTP/2': upgrade('/', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA'),
  'an upgrade to TLS': upgrade('/api/live', 'Upgrade: TLS/1.0'),
  'a WebSocket without key': upgrade('/api/live', 'Upgrade: websocket', version),
  'a WebSocket with a wrong key': upgrade('/api/live', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', version),
  'a WebSocket of another version': upgrade('/api/live', 'Upgrade: websocket', key, 'Sec-WebSocket-Version: 99'),
  'a WebSocket by POST': raw(socket('/api/live').bytes.replace('GET', 'POST')),
  'a WebSocket with a wrong token': socket('/api/live', 'Sec-WebSocket-Protocol: pulseseal.x'),
  'a WebSocket with junk for protocols': socket('/api/live', 'Sec-WebSocket-Protocol: ,,=\u00ff,pulseseal.'),
  'a WebSocket with junk for extensions': socket('/api/live', 'Sec-WebSocket-Extensions: ;;=,'),
  'a WebSocket of a page from nowhere': socket('/api/live', 'Origin: http://['),
  'a WebSocket of a page without origin': socket('/api/live', 'Origin: null'),
  'a WebSocket with no Host': raw(socket('/api/live').bytes.replace('Host: x\r\n', '')),
  'half a request line': half('GET /api/bo'),
  'half a header': half('GET / HTTP/1.1\r\nHost: x\r\nAutho'),
  'half a body': half(
    'POST /api/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{"co',
  ),
  'half an upgrade': half('GET /api/live HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: webso'),
  'no word at all': half(''),
};

/** The same from somebody who has a session. */
const signedIn: Readonly<Record<string, (token: string) => Odd>> = {
  'a WebSocket without key': (token) => upgrade('/api/live', 'Upgrade: websocket', version, token),
  'a WebSocket with a wrong key': (token) =>
    upgrade('/api/live', 'Upgrade: websocket', 'Sec-WebSocket-Key: x', version, token),
  'a WebSocket of another version': (token) =>
    upgrade('/api/live', 'Upgrade: websocket', key, 'Sec-WebSocket-Version: 99', token),
  'an upgrade to TLS': (token) => upgrade('/api/live', 'Upgrade: TLS/1.0', key, version, token),
  'junk behind the protocols': (token) => socket('/api/live', `${token}, , =`),
  'the protocol twice': (token) => socket('/api/live', `${token}, ${token.slice(token.indexOf(' ') + 1)}`),
  'junk for extensions': (token) => socket('/api/live', token, 'Sec-WebSocket-Extensions: ;;=,'),
  'junk in the query': (token) => socket('/api/live?wave=%&%ff=%zz?', token),
  ...Object.fromEntries(
    [
      ...['\xff\xff\xff\xff', '\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff', '\x81\x02{}', '\xc1\x80\0\0\0\0'],
      ...['\x89\xfe\x00\x7e\0\0\0\0', '\x88\x81\0\0\0\0x', '\x81\x82\0\0\0\0\xff\xfe', '\x00\x80\0\0\0\0', '\x01'],
    ].map((frame) => [
      `the frame ${Buffer.from(frame, 'latin1').toString('hex')}`,
      (token: string) => raw(socket('/api/live', token).bytes + frame),
    ]),
  ),
};

interface Door {
  readonly port: number;
  readonly isTls?: boolean;
  /** What a client of its own gets at the same moment. */
  isAlive(): Promise<boolean>;
  close(): Promise<void>;
}

/** First bytes of the answer; empty where the server only closed. Rejects when it does neither. */
function answerTo(door: Door, { bytes, isHalf = false }: Odd): Promise<string> {
  return new Promise((resolve, reject) => {
    const end = door.isTls === true ? connectTls({ port: door.port, rejectUnauthorized: false }) : connect(door.port);
    const late = setTimeout(() => reject(new Error('neither answered nor closed')), 5_000);
    const done = (text: string) => {
      clearTimeout(late);
      end.destroy();
      resolve(text);
    };
    end.on('data', (chunk) => done(chunk.toString('latin1')));
    end.on('error', () => done(''));
    end.on('close', () => done(''));
    end.on(door.isTls === true ? 'secureConnect' : 'connect', () => {
      if (isHalf) end.end(bytes, 'latin1');
      else end.write(bytes, 'latin1');
    });
  });
}

const crypto = createNativeCrypto();
const answers200 = async (url: string) => (await fetch(url)).status === 200;
const wall = createSystemClock();

async function openBoard(): Promise<Door & { readonly token: string }> {
  const logger = createSilentLogger();
  const service = await createTwinService(
    { wall, data: wall, journal: createMemoryJournal(), logger, metrics: createMetrics('t') },
    { patients: [{ patient: 'p1', name: 'Rosa', bed: '1' }] },
  );
  const sessions = createSessions(wall, createSeededRandom(1));
  const login = sessions.login(sessions.issueCode({ role: 'clinician', patients: 'all' }), 'Ana', 'here');
  if (typeof login === 'string') throw new Error(login);
  const proofs = { proof: async () => undefined };
  const staticDir = await mkdtemp(join(tmpdir(), 'odd-'));
  await writeFile(join(staticDir, 'index.html'), '<!doctype html><title>board</title>');
  const api = await createApi({ service, sessions, proofs, wall, logger }, { port: 0, staticDir });
  return {
    port: api.port,
    token: `Sec-WebSocket-Protocol: pulseseal.${login.token}`,
    isAlive: () => answers200(`${api.url}/healthz`),
    async close() {
      await api.close();
      await service.stop();
      await rm(staticDir, { recursive: true });
    },
  };
}

async function openMetrics(): Promise<Door> {
  const { url, close } = await serveMetrics(createMetrics('t'), 0);
  return { port: Number(new URL(url).port), isAlive: () => answers200(url), close };
}

async function openLedger(): Promise<Door> {
  const dir = await mkdtemp(join(tmpdir(), 'odd-'));
  const signer = createMessageSigner('ML-DSA-65', new Uint8Array(32).fill(1), crypto);
  const ledger = await createLocalLedger({
    log: await openLog({ dir }),
    crypto,
    signer,
    clock: wall,
    blockDelayMs: 10,
    genesis: { name: 't', operatorKey: signer.key },
  });
  const certificate = ledgerCertificate(new Uint8Array(32).fill(2), createSystemRandom(), wall, crypto);
  const server = await serveLedger({ ledger, certificate, clock: wall, logger: createSilentLogger() });
  return {
    port: Number(new URL(server.url).port),
    isTls: true,
    async isAlive() {
      const client = connectLedger({ url: server.url, spkiHash: server.spkiHash, clock: wall });
      const { ledgerId } = await client.identity();
      await client.close();
      return ledgerId.length > 0;
    },
    async close() {
      await server.close();
      await ledger.close();
      await rm(dir, { recursive: true });
    },
  };
}

/** An exception in a listener of a socket ends the process: nothing here may reach one. */
describe('what nobody should say to a server', () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown) => uncaught.push(error);
  let doors: Readonly<Record<'metrics' | 'ledger', Door>> & { readonly board: Awaited<ReturnType<typeof openBoard>> };
  beforeAll(async () => {
    doors = { board: await openBoard(), metrics: await openMetrics(), ledger: await openLedger() };
    process.on('uncaughtExceptionMonitor', note);
  });
  afterAll(async () => {
    process.off('uncaughtExceptionMonitor', note);
    for (const door of Object.values(doors)) await door.close();
  });

  describe.each(['board', 'metrics', 'ledger'] as const)('at the door of the %s', (name) => {
    it.each(Object.entries(odd))('%s: is answered or closed, and the next one is served', async (_what, said) => {
      const answer = await answerTo(doors[name], said);
      expect(answer).toMatch(/^$|^HTTP\/1\.1 [2-4]\d\d /);
      expect(await doors[name].isAlive()).toBe(true);
      expect(uncaught).toEqual([]);
    });
  });

  it.each(Object.entries(signedIn))('on the live way of a session, %s: ends that socket alone', async (_what, said) => {
    const { board } = doors;
    expect(await answerTo(board, said(board.token))).toMatch(/^HTTP\/1\.1 (101|4\d\d) /);
    expect(await board.isAlive()).toBe(true);
    expect(uncaught).toEqual([]);
  });
});
