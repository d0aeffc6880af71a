import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type CryptoProvider, selfSignedCertificate } from '@pulseseal/crypto';
import type { Clock, Logger, Random } from '@pulseseal/runtime';
import { isLedgerCode, type LedgerFailure, ledgerFailure } from './failures.ts';
import { MAX_BODY_BYTES, MAX_CONNECTIONS, MAX_POLL_MS, REQUEST_TIMEOUT_MS } from './limits.ts';
import type { LocalLedger } from './local/ledger.ts';
import { answers, encodeFailure, type LedgerRequest, parseRequest } from './wire.ts';

export interface LedgerCertificate {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** SHA-256 of the SPKI: what clients pin. */
  readonly spkiHash: Uint8Array;
}

const YEAR_MS = 365 * 24 * 3600 * 1000;

/** ML-DSA-65 certificate of the ledger's own address. The same seed keeps the same pin. */
export function ledgerCertificate(
  seed: Uint8Array,
  random: Random,
  clock: Clock,
  crypto: CryptoProvider,
): LedgerCertificate {
  const { certificatePem, privateKeyPem, spki } = selfSignedCertificate({
    algorithm: 'ML-DSA-65',
    seed,
    subject: 'ledger',
    notBeforeMs: clock.nowMs() - 24 * 3600 * 1000,
    notAfterMs: clock.nowMs() + YEAR_MS,
    subjectAltNames: ['localhost', '127.0.0.1'],
    serial: Uint8Array.of(1, ...random.bytes(15)),
  });
  return { certificatePem, privateKeyPem, spkiHash: crypto.sha256(spki) };
}

export interface LedgerServerSettings {
  readonly ledger: LocalLedger;
  readonly certificate: LedgerCertificate;
  readonly clock: Clock;
  readonly logger: Logger;
  /** 0 takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1: calls carry their own authority, but reads are open to whoever can connect. */
  readonly host?: string;
}

export interface LedgerServer {
  readonly url: string;
  readonly spkiHash: Uint8Array;
  /** Ends the connections. The ledger itself stays open. */
  close(): Promise<void>;
}

/** Serves a ledger to other processes: TLS 1.3 with X25519MLKEM768 only. */
export async function serveLedger(settings: LedgerServerSettings): Promise<LedgerServer> {
  const { ledger, certificate, clock, logger, host = '127.0.0.1' } = settings;
  const ending = new AbortController();
  const server = createServer(
    {
      key: certificate.privateKeyPem,
      cert: certificate.certificatePem,
      minVersion: 'TLSv1.3',
      ecdhCurve: 'X25519MLKEM768',
      requestTimeout: REQUEST_TIMEOUT_MS,
      headersTimeout: REQUEST_TIMEOUT_MS,
      handshakeTimeout: REQUEST_TIMEOUT_MS,
      maxHeaderSize: 4096,
    },
    (request, response) => void handle(request, response),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', (_error, socket) => socket.destroy());
  server.on('tlsClientError', (_error, socket) => socket.destroy());

  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const answer = await answerTo(request, AbortSignal.any([gone.signal, ending.signal]));
    if (!response.writableEnded && !response.destroyed)
      response.writeHead(200, { 'content-type': 'application/cbor', 'content-length': answer.length }).end(answer);
  };
  const answerTo = async (request: IncomingMessage, signal: AbortSignal): Promise<Uint8Array> => {
    try {
      return await perform(parseRequest(await readBody(request)), signal);
    } catch (error) {
      return encodeFailure(asFailure(error));
    }
  };
  const perform = async (request: LedgerRequest, signal: AbortSignal): Promise<Uint8Array> => {
    switch (request.op) {
      case 'identity':
        return answers.identity.encode(await ledger.identity());
      case 'submit': {
        const { fn, args, act, transient } = request;
        return answers.submit.encode(await ledger.submit(fn, args, act === null ? { transient } : { act, transient }));
      }
      case 'read':
        return answers.read.encode(await ledger.read(request.query, request.args));
      case 'events':
        return answers.events.encode(await pollEvents(request.fromHeight, request.waitMs, signal));
      case 'block':
        return answers.block.encode(await ledger.block(request.height));
      case 'anchor':
        return answers.anchor.encode(await ledger.anchor(request.gateway, request.size));
    }
  };
  const pollEvents = async (fromHeight: number, waitMs: number, signal: AbortSignal) => {
    const late = new AbortController();
    const cancel = clock.after(Math.min(waitMs, MAX_POLL_MS), () => late.abort());
    try {
      return await ledger.eventPage(fromHeight, AbortSignal.any([signal, late.signal]));
    } finally {
      cancel();
    }
  };
  const asFailure = (error: unknown): LedgerFailure => {
    if (error instanceof Error && 'code' in error && isLedgerCode(String(error.code))) return error as LedgerFailure;
    logger.error({ code: error instanceof Error ? error.name : 'unknown' }, 'a request failed for no named reason');
    return ledgerFailure('ledger-storage', 'internal');
  };

  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(settings.port ?? 0, host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://${host}:${port}/`,
    spkiHash: certificate.spkiHash,
    close() {
      ending.abort();
      return new Promise((resolve) => {
        server.close(() => resolve());
        // Answers that are under way have a moment; what still hangs is cut.
        clock.after(200, () => server.closeAllConnections());
        server.closeIdleConnections();
      });
    },
  };
}

async function readBody(request: IncomingMessage): Promise<Uint8Array> {
  if (request.method !== 'POST') throw ledgerFailure('request-malformed', 'method');
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw ledgerFailure('request-too-large');
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}
