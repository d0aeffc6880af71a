import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Clock } from '@pulseseal/runtime';
import { isLedgerCode, ledgerFailure } from './failures.ts';
import {
  CLIENT_SOCKETS,
  DEFAULT_ANSWER_TIMEOUT_MS,
  MAX_ANSWER_BYTES,
  MAX_BODY_BYTES,
  MAX_CLIENT_CALLS,
  MAX_POLL_MS,
} from './limits.ts';
import { createPinnedAgent } from './pinned-agent.ts';
import type { Ledger, LedgerEvent } from './port.ts';
import { answers, encodeRequest, type LedgerRequest, parseAnswer } from './wire.ts';

export interface LedgerClientSettings {
  /** Of `LedgerServer`, `https://host:port/`. */
  readonly url: string;
  /** SHA-256 of the server's SPKI, 32 bytes. */
  readonly spkiHash: Uint8Array;
  /** Wall clock, for timeouts. */
  readonly clock: Clock;
  /** How long one answer may take. Default 10 s. */
  readonly answerTimeoutMs?: number;
}

/** A ledger in another process. Nothing is sent before the first call; a ledger that is away makes `ledger-unreachable`. */
export function connectLedger(settings: LedgerClientSettings): Ledger {
  const { clock, answerTimeoutMs = DEFAULT_ANSWER_TIMEOUT_MS } = settings;
  const { hostname, port } = new URL(settings.url);
  const server = {
    host: hostname,
    port: Number(port),
    spkiHash: settings.spkiHash,
    clock,
    handshakeMs: answerTimeoutMs,
  };
  const agent = createPinnedAgent({ ...server, maxSockets: CLIENT_SOCKETS });
  // Polls hold a connection each, so they must not take those of the calls.
  const pollAgent = createPinnedAgent({ ...server, maxSockets: CLIENT_SOCKETS });
  const ending = new AbortController();
  let calls = 0;

  const send = async (request: LedgerRequest, signal?: AbortSignal): Promise<Uint8Array> => {
    if (ending.signal.aborted) throw ledgerFailure('ledger-closed');
    if (calls >= MAX_CLIENT_CALLS) throw ledgerFailure('ledger-busy', 'client');
    const body = encodeRequest(request);
    if (body.length > MAX_BODY_BYTES) throw ledgerFailure('request-too-large');
    const isPoll = request.op === 'events';
    calls++;
    try {
      const either = signal === undefined ? ending.signal : AbortSignal.any([signal, ending.signal]);
      return await exchange(body, isPoll, either, true);
    } finally {
      calls--;
    }
  };

  const exchange = (body: Uint8Array, isPoll: boolean, signal: AbortSignal, mayRetry: boolean): Promise<Uint8Array> =>
    new Promise<Uint8Array>((resolve, reject) => {
      const message = httpsRequest({
        hostname,
        port,
        method: 'POST',
        path: '/',
        agent: isPoll ? pollAgent : agent,
        headers: { 'content-type': 'application/cbor', 'content-length': body.length },
      });
      const timeoutMs = answerTimeoutMs + (isPoll ? MAX_POLL_MS : 0);
      const settle = (act: () => void) => {
        cancel();
        signal.removeEventListener('abort', abort);
        act();
      };
      const fail = (error: unknown) => {
        // A kept connection that the server has closed meanwhile says nothing about the server. Every call may be repeated.
        const isStale = mayRetry && message.reusedSocket && isReset(error);
        settle(() => (isStale ? resolve(exchange(body, isPoll, signal, false)) : reject(named(error))));
      };
      // A request that has no socket yet reports nothing when it is destroyed, so the answer does not wait for it.
      const end = (failure: Error) => {
        fail(failure);
        message.destroy(failure);
      };
      const abort = () => end(ledgerFailure('ledger-closed', 'aborted'));
      const cancel = clock.after(timeoutMs, () => end(ledgerFailure('ledger-unreachable', 'no answer')));
      signal.addEventListener('abort', abort);
      message.on('error', fail);
      message.on('response', (response) => {
        readAnswer(response).then((bytes) => settle(() => resolve(bytes)), fail);
      });
      if (signal.aborted) abort();
      else message.end(body);
    });

  const call = async <T>(request: LedgerRequest, read: Parameters<typeof parseAnswer<T>>[1]): Promise<T> =>
    parseAnswer(await send(request), read);

  async function* follow(fromHeight: number, signal: AbortSignal): AsyncGenerator<LedgerEvent> {
    let next = fromHeight;
    while (!signal.aborted) {
      let bytes: Uint8Array;
      try {
        bytes = await send({ op: 'events', fromHeight: next, waitMs: MAX_POLL_MS }, signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      const page = parseAnswer(bytes, answers.events.read);
      for (const event of page.events) {
        if (signal.aborted) return;
        yield event;
      }
      next = page.nextHeight;
    }
  }

  return {
    identity: () => call({ op: 'identity' }, answers.identity.read),
    submit: (fn, args, { act, transient = [] } = {}) =>
      call({ op: 'submit', fn, args, act: act ?? null, transient }, answers.submit.read),
    read: (query, args) => call({ op: 'read', query, args }, answers.read.read),
    events: follow,
    block: (height) => call({ op: 'block', height }, answers.block.read),
    anchor: (gateway, size) => call({ op: 'anchor', gateway, size }, answers.anchor.read),
    async close() {
      ending.abort();
      agent.destroy();
      pollAgent.destroy();
    },
  };
}

async function readAnswer(response: IncomingMessage): Promise<Uint8Array> {
  if (response.statusCode !== 200) throw ledgerFailure('ledger-answer', `status ${response.statusCode}`);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_ANSWER_BYTES) throw ledgerFailure('ledger-answer', 'too large');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function named(error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return isLedgerCode(code) ? error : ledgerFailure('ledger-unreachable', code, error);
}

const isReset = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
