import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize } from 'node:path';
import type { BoardSnapshot, LiveMessage, Role, ShownAlert } from '@pulseseal/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import { ecgSecond, fixtureFor } from './fixture.ts';

export interface FakeServer {
  readonly url: string;
  /** What clients acknowledged. */
  readonly acknowledged: { id: string; comment: string; person: string }[];
  /** For whom clients asked for a login. */
  readonly asked: { role: string; patients: unknown }[];
  /** What clients said over the socket. */
  readonly said: string[];
  /** Stops ticks and waves without closing anything: a server that hangs. */
  hang(): void;
  resume(): void;
  /** Closes every socket. */
  drop(): void;
  board(role: Role): BoardSnapshot;
  update(change: (board: BoardSnapshot) => BoardSnapshot): void;
  send(message: LiveMessage): void;
  proof: Uint8Array | undefined;
  /** How long the sessions of later logins last. */
  sessionMs: number;
  close(): Promise<void>;
}

/** Speaks the contract of `@pulseseal/protocol` board.ts to a browser under test. Codes: `clinician`, `caregiver`. */
export async function startFakeServer(distFolder: string, now: () => number = Date.now): Promise<FakeServer> {
  const boards: Record<Role, BoardSnapshot> = {
    clinician: fixtureFor('clinician', now()),
    caregiver: fixtureFor('caregiver', now()),
  };
  const people: Record<Role, string> = { clinician: '', caregiver: '' };
  const sockets = new Map<WebSocket, { role: Role; wave: string | null }>();
  const acknowledged: FakeServer['acknowledged'] = [];
  const asked: FakeServer['asked'] = [];
  const said: string[] = [];
  let hanging = false;
  const state = { proof: undefined as Uint8Array | undefined, sessionMs: 3_600_000 };
  const tell = (socket: WebSocket, message: LiveMessage): void => {
    if (!hanging) socket.send(JSON.stringify(message));
  };
  const tellAll = (message: LiveMessage): void => {
    for (const socket of sockets.keys()) tell(socket, message);
  };
  const roleOf = (token: string | undefined): Role | undefined =>
    token === 'token-clinician' ? 'clinician' : token === 'token-caregiver' ? 'caregiver' : undefined;

  const http: Server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const json = (status: number, body: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    const body = async (): Promise<Record<string, string>> => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      return JSON.parse(Buffer.concat(parts).toString() || '{}') as Record<string, string>;
    };
    if (path === '/api/login') {
      const { code = '', person = '' } = await body();
      const role = roleOf(`token-${code}`);
      if (role === undefined) return json(403, { refusal: 'login-refused' });
      people[role] = person;
      return json(200, { token: `token-${code}`, role, person, expiresAtMs: now() + state.sessionMs });
    }
    if (path.startsWith('/api/')) {
      const role = roleOf(request.headers.authorization?.replace('Bearer ', ''));
      if (role === undefined) return json(401, {});
      if (path === '/api/person') {
        const { person = '' } = await body();
        people[role] = person;
        return json(200, { person });
      }
      if (path === '/api/logins') {
        const { role: whom = '', patients } = (await body()) as { role?: string; patients?: unknown };
        asked.push({ role: whom, patients });
        return json(200, { code: whom, role: whom, expiresAtMs: now() + 600_000 });
      }
      if (path === '/api/board') return json(200, boards[role]);
      const answer = /^\/api\/alerts\/([^/]+)\/acknowledge$/.exec(path);
      if (answer !== null) {
        if (people[role] === '') return json(403, { error: 'name-needed' });
        const { comment = '' } = await body();
        const id = decodeURIComponent(answer[1] ?? '');
        const found = boards[role].patients.flatMap((patient) => patient.alerts).find((alert) => alert.id === id);
        if (found === undefined) return json(404, {});
        acknowledged.push({ id, comment, person: people[role] });
        const alert: ShownAlert = {
          ...found,
          state: 'acknowledged',
          acknowledged: { by: people[role], role, atMs: now(), comment },
        };
        tellAll({ type: 'alert', alert });
        return json(200, alert);
      }
      if (/\/proof$/.test(path) && state.proof !== undefined) {
        response.writeHead(200, { 'content-type': 'application/cbor' }).end(state.proof);
        return;
      }
      return json(404, {});
    }
    const file = normalize(path === '/' ? 'index.html' : path.slice(1));
    try {
      const bytes = await readFile(join(distFolder, file));
      const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' };
      // As strict as a real server should be: nothing inline, nothing foreign.
      response.writeHead(200, {
        'content-type': types[extname(file)] ?? 'application/octet-stream',
        'content-security-policy': "default-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'",
      });
      response.end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  const live = new WebSocketServer({
    server: http,
    path: '/api/live',
    handleProtocols: (names) => [...names][0] ?? false,
  });
  live.on('connection', (socket, request) => {
    const role = roleOf(request.headers['sec-websocket-protocol']?.replace('pulseseal.', ''));
    if (role === undefined) return socket.close();
    const client = { role, wave: null as string | null };
    sockets.set(socket, client);
    socket.on('close', () => sockets.delete(socket));
    socket.on('message', (data) => {
      said.push(String(data));
      client.wave = (JSON.parse(String(data)) as { wave: string | null }).wave;
    });
    tell(socket, { type: 'snapshot', board: { ...boards[role], nowMs: now(), person: people[role] } });
  });
  const ticking = setInterval(() => {
    tellAll({ type: 'tick', nowMs: now() });
    for (const [socket, client] of sockets) {
      if (client.wave === null) continue;
      const atMs = Math.floor(now() / 1000) * 1000 - 1000;
      const samples = ecgSecond(atMs);
      const wave = {
        type: 'wave',
        patient: client.wave,
        code: 131329,
        rateHz: 250,
        atMs,
        millivoltPerBit: 0.001,
        samples,
      };
      tell(socket, wave as LiveMessage);
    }
  }, 1000);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return Object.assign(state, {
    url: `http://127.0.0.1:${port}`,
    acknowledged,
    asked,
    said,
    hang: () => {
      hanging = true;
    },
    resume: () => {
      hanging = false;
    },
    drop: () => {
      for (const socket of sockets.keys()) socket.terminate();
    },
    board: (role: Role) => boards[role],
    update: (change: (board: BoardSnapshot) => BoardSnapshot) => {
      boards.clinician = change(boards.clinician);
      tellAll({ type: 'snapshot', board: { ...boards.clinician, nowMs: now() } });
    },
    send: tellAll,
    close: async () => {
      clearInterval(ticking);
      for (const socket of sockets.keys()) socket.terminate();
      live.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  });
}
