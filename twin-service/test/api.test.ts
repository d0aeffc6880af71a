import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codes } from '@pulseseal/firmware-profiles';
import type { LiveMessage, LoginReply } from '@pulseseal/protocol';
import { createMetrics, createSeededRandom, createSilentLogger, createSystemClock } from '@pulseseal/runtime';
import { createManualClock } from '@pulseseal/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import type { Api, CodeGrant, Sessions, TwinService } from '../src/mod.ts';
import { createApi, createMemoryJournal, createSessions, createTwinService } from '../src/mod.ts';
import { createBedside, startMs } from './world.ts';

const clinicianGrant: CodeGrant = { role: 'clinician', patients: 'all' };
const caregiverGrant: CodeGrant = { role: 'caregiver', patients: ['p1'] };
const patients = [
  { patient: 'p1', name: 'Rosa Lind', bed: '1' },
  { patient: 'p2', name: 'Karl Berg', bed: '2' },
];

let clock: ReturnType<typeof createManualClock>;
let service: TwinService;
let sessions: Sessions;
let api: Api;
let staticDir: string;
let world: ReturnType<typeof createBedside>;
let records: Uint8Array[];

beforeEach(async () => {
  clock = createManualClock(startMs);
  const wall = { ...createSystemClock(), nowMs: clock.nowMs };
  const logger = createSilentLogger();
  records = [];
  service = await createTwinService(
    { wall: clock, data: clock, journal: createMemoryJournal(records), logger, metrics: createMetrics('t') },
    { patients, watchesGateway: false },
  );
  sessions = createSessions(clock, createSeededRandom(3));
  staticDir = mkdtempSync(join(tmpdir(), 'board-'));
  writeFileSync(join(staticDir, 'index.html'), '<!doctype html><title>board</title>');
  const proofs = { proof: async (id: string) => (id === 'd.e.1.0' ? new Uint8Array([1, 2, 3]) : undefined) };
  api = await createApi({ service, sessions, proofs, wall, logger }, { port: 0, staticDir });
  world = createBedside();
});

afterEach(async () => {
  await api.close();
  await service.stop();
  rmSync(staticDir, { recursive: true });
});

async function login(grant: CodeGrant, person = 'Ana'): Promise<LoginReply> {
  const reply = await api.server.inject({
    method: 'POST',
    url: '/api/login',
    payload: { code: sessions.issueCode(grant), person },
  });
  expect(reply.statusCode).toBe(200);
  return reply.json();
}

const get = (url: string, token?: string) =>
  api.server.inject({ url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } });

const answer = (id: string, token: string, payload: object = { comment: 'calling' }) =>
  api.server.inject({
    method: 'POST',
    url: `/api/alerts/${encodeURIComponent(id)}/acknowledge`,
    headers: { authorization: `Bearer ${token}` },
    payload,
  });

async function desaturate(patient = world, seconds = 12, text = '75') {
  for (let s = 0; s < seconds; s++) {
    clock.advance(1000);
    await service.handle([patient.frame('band', [{ code: codes.spo2, text }], { atMs: clock.nowMs() })]);
  }
}

describe('REST', () => {
  it('lets nobody in without a token, whatever is asked', async () => {
    for (const url of ['/api/board', '/api/patients/p1', '/api/alerts', '/api/readings/d.e.1.0/proof']) {
      expect((await get(url)).statusCode).toBe(401);
      expect((await get(url, 'x')).statusCode).toBe(401);
    }
    expect((await answer('p1.x.1', 'x')).statusCode).toBe(401);
  });

  it('takes a code once', async () => {
    const code = sessions.issueCode(clinicianGrant);
    const post = () => api.server.inject({ method: 'POST', url: '/api/login', payload: { code, person: 'Ana' } });
    expect((await post()).json()).toMatchObject({ role: 'clinician', person: 'Ana' });
    expect((await post()).statusCode).toBe(401);
  });

  it('reads a code as people type it', async () => {
    const code = sessions.issueCode(clinicianGrant).toLowerCase().replaceAll('0', 'o').replaceAll('1', 'l');
    expect(sessions.login(` ${code} `, 'Ana', 'a')).toMatchObject({ role: 'clinician' });
  });

  it('refuses more tries after five wrong ones in a minute, also right ones, and forgives', async () => {
    const code = sessions.issueCode(clinicianGrant);
    const post = (tried: string) =>
      api.server.inject({ method: 'POST', url: '/api/login', payload: { code: tried, person: 'A' } });
    for (let i = 0; i < 5; i++) expect((await post('wrong')).statusCode).toBe(401);
    expect((await post(code)).statusCode).toBe(429);
    clock.advance(60_001);
    expect((await post(code)).statusCode).toBe(200);
  });

  it('ends sessions and codes by time', async () => {
    const { token } = await login(clinicianGrant);
    const code = sessions.issueCode(clinicianGrant);
    expect((await get('/api/board', token)).statusCode).toBe(200);
    clock.stepWall(24 * 3_600_000 + 1);
    expect((await get('/api/board', token)).statusCode).toBe(401);
    expect(sessions.login(code, 'A', 'a')).toBe('login-refused');
  });

  it('refuses bodies of a wrong form by name', async () => {
    const { token } = await login(clinicianGrant);
    const post = (payload: object | string) =>
      api.server.inject({
        method: 'POST',
        url: '/api/login',
        payload,
        headers: { 'content-type': 'application/json' },
      });
    for (const payload of [
      {},
      { code: 5, person: 'x' },
      { code: 'x', person: 'x', more: 1 },
      '{',
      `{"code":"${'x'.repeat(5000)}"}`,
    ]) {
      const reply = await post(payload);
      expect(reply.statusCode).toBeGreaterThanOrEqual(400);
      expect(reply.statusCode).toBeLessThan(500);
      expect(reply.json().error).toMatch(/^(wrong-form|refused)$/);
    }
    expect((await answer('p1.x.1', token, { comment: 'x'.repeat(501) })).statusCode).toBe(400);
    expect((await get('/api/alerts?state=odd', token)).statusCode).toBe(400);
  });

  it('shows board, patient and alerts, and takes an answer with person, role and comment', async () => {
    const { token } = await login(clinicianGrant);
    await desaturate();
    const board = (await get('/api/board', token)).json();
    expect(board).toMatchObject({ role: 'clinician', person: 'Ana', speed: 1 });
    expect(board.patients.map((p: { patient: string }) => p.patient)).toEqual(['p1', 'p2']);
    const [alert] = (await get('/api/alerts?state=active', token)).json();
    expect(alert).toMatchObject({ rule: 'hard-spo2-low', state: 'active' });
    expect((await answer(alert.id, token)).json()).toMatchObject({
      state: 'acknowledged',
      acknowledged: { by: 'Ana', role: 'clinician', comment: 'calling' },
    });
    expect((await get('/api/alerts?state=active', token)).json()).toEqual([]);
    expect((await answer('p1.none.9', token)).statusCode).toBe(404);
    expect((await get('/api/patients/p9', token)).statusCode).toBe(404);
  });

  it('takes no answer from nobody, and the name that a session gives itself', async () => {
    const { token, person } = await login(clinicianGrant, '');
    expect(person).toBe('');
    await desaturate();
    const [alert] = (await get('/api/alerts?state=active', token)).json();
    const refused = await answer(alert.id, token);
    expect([refused.statusCode, refused.json()]).toEqual([403, { error: 'name-needed' }]);
    const name = (said: string, by = token) =>
      api.server.inject({
        method: 'POST',
        url: '/api/person',
        headers: { authorization: `Bearer ${by}` },
        payload: { person: said },
      });
    for (const said of ['', ' ', '12', 'x'.repeat(81), 'Ana\u202eavliS', 'A\u0000na', '\ud800a']) {
      expect((await name(said)).statusCode, JSON.stringify(said)).toBe(400);
    }
    expect((await name('Ana', 'x')).statusCode).toBe(401);
    expect((await answer(alert.id, token)).statusCode).toBe(403);
    expect((await name("  Siobha\u0301n   <b>O'Neill ")).json()).toEqual({ person: "Siobh\u00e1n <b>O'Neill" });
    expect((await answer(alert.id, token)).json()).toMatchObject({
      acknowledged: { by: "Siobh\u00e1n <b>O'Neill", comment: 'calling' },
    });
  });

  describe('a login for somebody else', () => {
    const ask = (token: string | undefined, payload: object) =>
      api.server.inject({
        method: 'POST',
        url: '/api/logins',
        headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        payload,
      });
    const enter = async (code: string) =>
      (await api.server.inject({ method: 'POST', url: '/api/login', payload: { code, person: 'New' } })).json();

    it('is made by a clinician, works once and for ten minutes, and stands in the journal', async () => {
      const { token } = await login(clinicianGrant);
      const reply = await ask(token, { role: 'clinician' });
      expect(reply.json()).toMatchObject({ role: 'clinician', expiresAtMs: startMs + 600_000 });
      const { code } = reply.json();
      expect(await enter(code)).toMatchObject({ role: 'clinician', person: 'New' });
      expect(await enter(code)).toEqual({ error: 'login-refused' });
      const family = (await ask(token, { role: 'caregiver', patients: ['p2'] })).json();
      const kin = await enter(family.code);
      expect((await get('/api/board', kin.token)).json().patients.map((p: { patient: string }) => p.patient)).toEqual([
        'p2',
      ]);
      const late = (await ask(token, { role: 'clinician' })).json();
      clock.advance(600_001);
      expect(await enter(late.code)).toEqual({ error: 'login-refused' });
      const kept = records
        .map((record) => JSON.parse(new TextDecoder().decode(record)))
        .filter((one) => 'login' in one);
      expect(kept.map((one) => one.login)).toEqual([
        { by: 'Ana', role: 'clinician', patients: 'all', atMs: startMs },
        { by: 'Ana', role: 'caregiver', patients: ['p2'], atMs: startMs },
        { by: 'Ana', role: 'clinician', patients: 'all', atMs: startMs },
      ]);
      expect(JSON.stringify(kept)).not.toContain(code);
    });

    it('is refused to relatives, to nobody and to the nameless, for strangers, and of a wrong form', async () => {
      const { token } = await login(clinicianGrant);
      const relative = await login(caregiverGrant, 'Eva');
      const nameless = await login(clinicianGrant, '');
      const refused = async (by: string | undefined, payload: object) => {
        const reply = await ask(by, payload);
        return [reply.statusCode, reply.json().error];
      };
      expect(await refused(undefined, { role: 'clinician' })).toEqual([401, 'login-needed']);
      expect(await refused(relative.token, { role: 'clinician' })).toEqual([403, 'not-allowed']);
      expect(await refused(relative.token, { role: 'caregiver', patients: ['p1'] })).toEqual([403, 'not-allowed']);
      expect(await refused(nameless.token, { role: 'clinician' })).toEqual([403, 'name-needed']);
      expect(await refused(token, { role: 'caregiver', patients: ['p9'] })).toEqual([404, 'not-found']);
      for (const payload of [
        {},
        { role: 'operator' },
        { role: 'caregiver' },
        { role: 'caregiver', patients: [] },
        { role: 'caregiver', patients: Array(9).fill('p1') },
        { role: 'clinician', patients: ['p1'] },
      ])
        expect(await refused(token, payload), JSON.stringify(payload)).toEqual([400, 'wrong-form']);
      expect(records.some((record) => new TextDecoder().decode(record).includes('"login"'))).toBe(false);
    });

    it('is made five times a minute in one session, and then again', async () => {
      const { token } = await login(clinicianGrant);
      const other = await login(clinicianGrant, 'Ben');
      for (let i = 0; i < 5; i++) expect((await ask(token, { role: 'clinician' })).statusCode).toBe(200);
      expect((await ask(token, { role: 'clinician' })).statusCode).toBe(429);
      expect((await ask(other.token, { role: 'clinician' })).statusCode).toBe(200);
      clock.advance(60_000);
      expect((await ask(token, { role: 'clinician' })).statusCode).toBe(200);
    });

    it('is nothing that a restart stumbles over', async () => {
      const { token } = await login(clinicianGrant);
      await ask(token, { role: 'clinician' });
      const ports = { wall: clock, data: clock, logger: createSilentLogger(), metrics: createMetrics('t') };
      const again = await createTwinService({ ...ports, journal: createMemoryJournal(records) }, { patients });
      expect([...again.patientIds()]).toEqual(['p1', 'p2']);
      await again.stop();
    });
  });

  it('gives a caregiver own people in plain words, and no proof', async () => {
    const { token } = await login(caregiverGrant, 'Eva');
    await desaturate();
    await desaturate(createBedside('p2'));
    const board = await get('/api/board', token);
    expect(board.body).not.toContain('Karl');
    expect(board.body).not.toMatch(/"75"|hard-|news2-|limit|%/);
    expect((await get('/api/patients/p2', token)).statusCode).toBe(404);
    expect((await get('/api/readings/d.e.1.0/proof', token)).statusCode).toBe(403);
    const others = service.alerts({ person: '', role: 'clinician', patients: 'all' }).find((a) => a.patient === 'p2')!;
    expect((await answer(others.id, token)).statusCode).toBe(404);
    const own = (await get('/api/alerts', token)).json();
    expect(own).toHaveLength(1);
    expect((await answer(own[0].id, token, { comment: 'I have it' })).json()).toMatchObject({ state: 'acknowledged' });
  });

  it('hands out proofs', async () => {
    const { token } = await login(clinicianGrant);
    const reply = await get('/api/readings/d.e.1.0/proof', token);
    expect(reply.headers['content-type']).toBe('application/cbor');
    expect([...reply.rawPayload]).toEqual([1, 2, 3]);
    expect((await get('/api/readings/d.e.2.0/proof', token)).statusCode).toBe(404);
  });

  it('serves the board with its security headers, and health', async () => {
    const page = await get('/');
    expect(page.body).toContain('<title>board</title>');
    expect(page.headers['content-security-policy']).toContain("default-src 'self'");
    expect(page.headers['x-content-type-options']).toBe('nosniff');
    expect((await get('/../package.json')).statusCode).toBe(404);
    expect((await get('/healthz')).json()).toEqual({ ok: true });
    expect(api.url).toContain('127.0.0.1');
  });
});

describe('live', () => {
  function connect(token: string, query = '', headers: Record<string, string> = {}) {
    const ws = new WebSocket(`ws://127.0.0.1:${api.port}/api/live${query}`, [`pulseseal.${token}`], { headers });
    const messages: LiveMessage[] = [];
    ws.on('message', (bytes) => messages.push(JSON.parse(String(bytes))));
    const opened = new Promise<boolean>((resolve) => {
      ws.on('open', () => resolve(true));
      ws.on('error', () => resolve(false));
    });
    const until = async (wanted: (message: LiveMessage) => boolean): Promise<LiveMessage> => {
      for (let i = 0; i < 400; i++) {
        const found = messages.find(wanted);
        if (found !== undefined) return found;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      throw new Error('the message did not come');
    };
    return { ws, messages, opened, until };
  }

  const waveBlock = (patient: string) =>
    ({
      kind: 'wave',
      block: {
        id: 'x',
        patient,
        device: 'strap',
        code: codes.ecgLeadI,
        unit: 'uV',
        scale: [25, -1, 0],
        rateHz: 250,
        atMs: startMs,
        samples: [1, -2, 400],
        grade: 'provisional',
        quality: 0,
        history: false,
      },
    }) as const;

  it('refuses a socket without a valid token, and one of a foreign page', async () => {
    expect(await connect('wrong').opened).toBe(false);
    const { token } = await login(clinicianGrant);
    expect(await connect(token, '', { origin: 'http://evil.example' }).opened).toBe(false);
    const own = connect(token, '', { origin: `http://127.0.0.1:${api.port}` });
    expect(await own.opened).toBe(true);
    own.ws.close();
  });

  it('brings the board, then alerts at once, changed patients, ticks, and the ECG asked for', async () => {
    const { token } = await login(clinicianGrant);
    const live = connect(token, '?wave=p1');
    await live.opened;
    await live.until((m) => m.type === 'snapshot' && m.board.patients.length === 2);
    await desaturate();
    await live.until((m) => m.type === 'alert' && m.alert.rule === 'hard-spo2-low');
    await service.handle([waveBlock('p2'), waveBlock('p1')]);
    expect(await live.until((m) => m.type === 'wave')).toEqual({
      type: 'wave',
      patient: 'p1',
      code: codes.ecgLeadI,
      rateHz: 250,
      atMs: startMs,
      millivoltPerBit: 0.0025,
      samples: [1, -2, 400],
    });
    await live.until((m) => m.type === 'patient' && m.patient.news2?.total === 3);
    await live.until((m) => m.type === 'tick' && m.nowMs === clock.nowMs());
    live.ws.close();
  });

  it('takes another ECG on the open socket, and makes nothing of other messages', async () => {
    const { token } = await login(clinicianGrant);
    const live = connect(token, '?wave=p1');
    await live.opened;
    for (const text of ['{', '5', '{"wave":7}', '{"other":1}', '{"wave":"p2"}']) live.ws.send(text);
    live.ws.ping();
    // The answer to a ping comes after what was sent before it was read.
    await new Promise((resolve) => live.ws.once('pong', resolve));
    await service.handle([waveBlock('p1'), waveBlock('p2')]);
    expect(await live.until((m) => m.type === 'wave')).toMatchObject({ patient: 'p2' });
    live.ws.close();
  });

  it('brings a caregiver neither waves nor values nor other people', async () => {
    const { token } = await login(caregiverGrant, 'Eva');
    const live = connect(token, '?wave=p1');
    await live.opened;
    await desaturate();
    await desaturate(createBedside('p2'));
    await service.handle([waveBlock('p1')]);
    const alert = await live.until((m) => m.type === 'alert');
    expect(alert).toMatchObject({ alert: { rule: 'concern', readingId: null } });
    await live.until((m) => m.type === 'patient');
    await live.until((m) => m.type === 'tick');
    const all = JSON.stringify(live.messages);
    expect(all).not.toMatch(/Karl|"p2|"75"|hard-|news2-|"wave"|limit/);
    live.ws.close();
  });

  it('closes a socket whose session ends', async () => {
    const { token } = await login(clinicianGrant);
    const live = connect(token);
    await live.opened;
    const closed = new Promise<number>((resolve) => live.ws.on('close', resolve));
    await api.server.inject({ method: 'POST', url: '/api/logout', headers: { authorization: `Bearer ${token}` } });
    expect(await closed).toBe(4401);
  });
});
