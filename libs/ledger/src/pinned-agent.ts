import { createHash, timingSafeEqual } from 'node:crypto';
import { Agent } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from '@pulseseal/runtime';
import { ledgerFailure } from './failures.ts';

export interface PinnedAgentSettings {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the SPKI, 32 bytes. */
  readonly spkiHash: Uint8Array;
  readonly maxSockets: number;
  readonly clock: Clock;
  /** A handshake that takes longer is ended. */
  readonly handshakeMs: number;
}

/**
 * Connections to one server that is known by its key alone: the certificate is self-signed, so the check is that its
 * SPKI has the pinned SHA-256. TLS itself proves that the server holds that key. No byte of a request is written
 * before the check.
 */
export function createPinnedAgent(settings: PinnedAgentSettings): Agent {
  const { host, port, spkiHash, maxSockets, clock, handshakeMs } = settings;
  const agent = new Agent({ keepAlive: true, maxSockets });
  agent.createConnection = (_options, done) => {
    const socket = connect({
      host,
      port,
      minVersion: 'TLSv1.3',
      ecdhCurve: 'X25519MLKEM768',
      rejectUnauthorized: false,
    });
    const cancel = clock.after(handshakeMs, () => socket.destroy(ledgerFailure('ledger-unreachable', 'handshake')));
    const fail = (error: Error) => {
      cancel();
      done?.(error, socket);
    };
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      cancel();
      socket.removeListener('error', fail);
      if (hasKey(socket, spkiHash)) return done?.(null, socket);
      // The request reports the failure; the socket's own end must not become an unhandled event.
      socket.on('error', () => {});
      socket.destroy();
      done?.(ledgerFailure('ledger-pin'), socket);
    });
    return undefined;
  };
  return agent;
}

function hasKey(socket: TLSSocket, spkiHash: Uint8Array): boolean {
  const spki = socket.getPeerX509Certificate()?.publicKey.export({ type: 'spki', format: 'der' });
  if (spki === undefined) return false;
  const digest = createHash('sha256').update(spki).digest();
  return digest.length === spkiHash.length && timingSafeEqual(digest, spkiHash);
}
