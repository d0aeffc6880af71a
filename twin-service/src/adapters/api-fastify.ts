import { existsSync } from 'node:fs';
import fastifyStatic from '@fastify/static';
import type { AlertState, NewLoginReply, NewLoginRequest } from '@pulseseal/protocol';
import type { Clock, Logger } from '@pulseseal/runtime';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import fastify from 'fastify';
import type { Viewer } from '../desk.ts';
import { twinFailure } from '../failures.ts';
import { limits } from '../limits.ts';
import { createLiveHub } from '../live-hub.ts';
import type { ProofSource } from '../ports.ts';
import type { TwinService } from '../service.ts';
import type { CodeGrant, Sessions } from '../sessions.ts';
import { attachLive } from './live-ws.ts';

export interface ApiPorts {
  readonly service: TwinService;
  readonly sessions: Sessions;
  readonly proofs: ProofSource;
  readonly wall: Clock;
  readonly logger: Logger;
}

export interface ApiSettings {
  /** Default 127.0.0.1: who opens it to a network puts TLS in front. */
  readonly host?: string;
  /** 0 = any free one. */
  readonly port: number;
  /** Folder of the built board; absent = API alone. */
  readonly staticDir?: string;
}

export interface Api {
  readonly url: string;
  readonly port: number;
  /** For tests and in-process callers. */
  readonly server: FastifyInstance;
  close(): Promise<void>;
}

/** Requests hold a code or a comment, nothing more. */
const maxBodyBytes = 4096;

const headers = {
  'content-security-policy':
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=()',
} as const;

const text = (maxLength: number, minLength = 0) => ({ type: 'string', minLength, maxLength }) as const;
const loginSchema = {
  type: 'object',
  required: ['code', 'person'],
  additionalProperties: false,
  properties: { code: text(64, 1), person: text(limits.personChars) },
} as const;
const personSchema = {
  type: 'object',
  required: ['person'],
  additionalProperties: false,
  properties: { person: text(limits.personChars, 1) },
} as const;
/** A family's people; whoever needs more is a clinician. */
const maxLoginPatients = 8;
const loginForSchema = {
  type: 'object',
  required: ['role'],
  additionalProperties: false,
  properties: {
    role: { type: 'string', enum: ['clinician', 'caregiver'] },
    patients: { type: 'array', minItems: 1, maxItems: maxLoginPatients, items: text(64, 1) },
  },
} as const;
const acknowledgeSchema = {
  type: 'object',
  required: ['comment'],
  additionalProperties: false,
  properties: { comment: text(limits.commentChars) },
} as const;
const stateSchema = {
  type: 'object',
  additionalProperties: false,
  properties: { state: { type: 'string', enum: ['active', 'acknowledged', 'cleared'] } },
} as const;

declare module 'fastify' {
  interface FastifyRequest {
    viewer: Viewer | null;
  }
}

/** Serves boards and phones (board.ts), with the board's own files. */
export async function createApi(ports: ApiPorts, settings: ApiSettings): Promise<Api> {
  const { service, sessions, wall, logger } = ports;
  const host = settings.host ?? '127.0.0.1';
  const server = fastify({
    bodyLimit: maxBodyBytes,
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false } },
  });
  server.decorateRequest('viewer', null);
  server.addHook('onSend', async (request, reply) => {
    reply.headers(headers);
    if (request.url.startsWith('/api/')) reply.header('cache-control', 'no-store');
  });
  server.setErrorHandler((error: { statusCode?: number; validation?: unknown; code?: string }, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) logger.error({ code: String(error.code ?? 'unknown') }, 'a request failed');
    reply
      .code(status)
      .send({ error: error.validation !== undefined ? 'wrong-form' : status >= 500 ? 'failed' : 'refused' });
  });
  server.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: 'not-found' }));
  server.get('/healthz', async (_request, reply) => {
    const ok = service.isHealthy;
    return reply.code(ok ? 200 : 503).send({ ok });
  });
  server.post<{ Body: { code: string; person: string } }>(
    '/api/login',
    { schema: { body: loginSchema } },
    async (request, reply) => {
      const { code, person } = request.body;
      const result = sessions.login(code, person, request.ip);
      if (result === 'rate') return reply.code(429).header('retry-after', '60').send({ error: 'rate' });
      if (result === 'login-refused') return reply.code(401).send({ error: 'login-refused' });
      return result;
    },
  );
  await server.register(async (guarded) => addGuardedRoutes(guarded, ports));
  if (settings.staticDir !== undefined && existsSync(settings.staticDir)) {
    await server.register(fastifyStatic, { root: settings.staticDir, index: ['index.html'] });
  }

  const hub = createLiveHub(service, wall);
  const detach = attachLive(server.server, hub, sessions, wall);
  try {
    await server.listen({ host, port: settings.port });
  } catch (error) {
    hub.stop();
    detach();
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw twinFailure('address-in-use', `port ${settings.port}`, error);
    }
    throw error;
  }
  const address = server.server.address();
  const port = typeof address === 'object' && address !== null ? address.port : settings.port;
  return {
    url: `http://${host}:${port}`,
    port,
    server,
    async close() {
      hub.stop();
      detach();
      await server.close();
    },
  };
}

function bearer(request: FastifyRequest): string | undefined {
  const value = request.headers.authorization;
  return value?.startsWith('Bearer ') ? value.slice(7) : undefined;
}

function addGuardedRoutes(server: FastifyInstance, { service, sessions, proofs, logger }: ApiPorts): void {
  server.addHook('onRequest', async (request, reply) => {
    const token = bearer(request);
    const viewer = token === undefined ? undefined : sessions.viewer(token);
    if (viewer === undefined) {
      return reply.code(401).header('www-authenticate', 'Bearer').send({ error: 'login-needed' });
    }
    request.viewer = viewer;
    return undefined;
  });
  server.get('/api/board', async (request) => service.board(request.viewer!));
  server.post('/api/logout', async (request, reply) => {
    sessions.end(bearer(request) ?? '');
    return reply.code(204).send();
  });
  server.post<{ Body: { person: string } }>(
    '/api/person',
    { schema: { body: personSchema } },
    async (request, reply) => {
      const person = sessions.name(bearer(request) ?? '', request.body.person);
      return person === undefined ? reply.code(400).send({ error: 'name-refused' }) : { person };
    },
  );
  server.post<{ Body: NewLoginRequest }>(
    '/api/logins',
    { schema: { body: loginForSchema } },
    async (request, reply) => {
      const { role, patients } = request.body;
      const viewer = request.viewer!;
      if (viewer.role !== 'clinician') return reply.code(403).send({ error: 'not-allowed' });
      if (viewer.person === '') return reply.code(403).send({ error: 'name-needed' });
      if ((role === 'caregiver') !== (patients !== undefined)) return reply.code(400).send({ error: 'wrong-form' });
      if (patients?.some((patient) => service.patient(patient, viewer) === undefined)) return notFound(reply);
      const grant: CodeGrant = { role, patients: patients ?? 'all' };
      const asked = sessions.askForCode(bearer(request) ?? '', grant);
      if (asked === undefined) return reply.code(429).header('retry-after', '60').send({ error: 'rate' });
      await service.noteLogin({ by: viewer.person, ...grant });
      logger.info({ role }, 'a clinician made a login');
      return { ...asked, role } satisfies NewLoginReply;
    },
  );
  server.get<{ Params: { patient: string } }>('/api/patients/:patient', async (request, reply) => {
    const shown = service.patient(request.params.patient, request.viewer!);
    return shown ?? notFound(reply);
  });
  server.get<{ Querystring: { state?: AlertState } }>(
    '/api/alerts',
    { schema: { querystring: stateSchema } },
    async (request) => {
      const { state } = request.query;
      const alerts = service.alerts(request.viewer!).filter((alert) => state === undefined || alert.state === state);
      return alerts.sort((a, b) => b.raisedAtMs - a.raisedAtMs);
    },
  );
  server.post<{ Params: { id: string }; Body: { comment: string } }>(
    '/api/alerts/:id/acknowledge',
    { schema: { body: acknowledgeSchema } },
    async (request, reply) => {
      // An answer carries a person.
      if (request.viewer!.person === '') return reply.code(403).send({ error: 'name-needed' });
      try {
        return await service.acknowledge(request.params.id, request.viewer!, request.body.comment);
      } catch (error) {
        const code = error instanceof Error && 'code' in error ? error.code : undefined;
        if (code === 'alert-unknown') return notFound(reply);
        if (code === 'alert-cleared') return reply.code(409).send({ error: 'alert-cleared' });
        throw error;
      }
    },
  );
  server.get<{ Params: { id: string } }>('/api/readings/:id/proof', async (request, reply) => {
    // A proof shows the value itself.
    if (request.viewer!.role !== 'clinician') return reply.code(403).send({ error: 'not-allowed' });
    const proof = await proofs.proof(request.params.id);
    if (proof === undefined) return notFound(reply);
    return reply.type('application/cbor').send(Buffer.from(proof.buffer, proof.byteOffset, proof.byteLength));
  });
}

function notFound(reply: FastifyReply) {
  return reply.code(404).send({ error: 'not-found' });
}
