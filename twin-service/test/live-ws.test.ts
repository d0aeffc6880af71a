import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSeededRandom } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import WebSocket from 'ws';
import { attachLive, pingPeriodMs } from '../src/adapters/live-ws.ts';
import type { LiveClient, LiveHub } from '../src/live-hub.ts';
import { createSessions, type Sessions } from '../src/mod.ts';
import { startMs } from './world.ts';

let clock: ReturnType<typeof createManualClock>;
let server: Server;
let detach: () => void;
let sessions: Sessions;
let clients: Set<LiveClient>;

beforeEach(async () => {
  clock = createManualClock(startMs);
  clients = new Set();
  const hub: LiveHub = {
    join: (client) => {
      clients.add(client);
      return true;
    },
    leave: (client) => void clients.delete(client),
    get size() {
      return clients.size;
    },
    stop() {},
  };
  sessions = createSessions(clock, createSeededRandom(3));
  server = createServer();
  detach = attachLive(server, hub, sessions, clock);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(async () => {
  detach();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

function tokenOf(role: 'clinician' | 'caregiver'): string {
  const reply = sessions.login(sessions.issueCode({ role, patients: ['p1'] }), 'Eva', 'x');
  if (typeof reply === 'string') throw new Error(reply);
  return reply.token;
}

async function open(token: string, answersPings = true): Promise<WebSocket> {
  const { port } = server.address() as AddressInfo;
  const ws = new WebSocket(`ws://127.0.0.1:${port}/api/live`, [`pulseseal.${token}`], { autoPong: answersPings });
  await new Promise((resolve) => ws.once('open', resolve));
  return ws;
}

describe('a live socket', () => {
  it('that no longer answers loses its place; one that answers keeps it', async () => {
    const token = tokenOf('clinician');
    const good = await open(token);
    const gone = await open(token, false);
    const closed = new Promise((resolve) => gone.once('close', resolve));
    for (let i = 0; i < 3; i++) {
      const asked = new Promise((resolve) => good.once('ping', resolve));
      clock.advance(pingPeriodMs);
      await asked;
      // The answer to a ping of our own comes after the server has read our pong.
      const read = new Promise((resolve) => good.once('pong', resolve));
      good.ping();
      await read;
    }
    await closed;
    await vi.waitFor(() => expect(clients.size).toBe(1));
    expect(good.readyState).toBe(WebSocket.OPEN);
  });
});
