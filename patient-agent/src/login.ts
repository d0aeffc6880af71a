import type { CryptoProvider } from '@pulseseal/crypto';
import { createMessageSigner, encodeItem, type MessageSigner, signBody } from '@pulseseal/protocol';
import type { Clock } from '@pulseseal/runtime';
import type { AgentState } from './state.ts';

/** Protocol 3 and 12: a transport key lives 30 days, a token without TLS binding 10 minutes. */
const sessionLifeMs = 30 * 86_400_000;
const renewMs = 86_400_000;
const tokenLifeMs = 600_000;

/** CBOR([session, token]): the owner vouches for the transport key, the transport key for this connection. */
export function ownerPassword(
  ports: {
    readonly state: AgentState;
    readonly save: () => void;
    readonly owner: MessageSigner;
    readonly wall: Clock;
    readonly crypto: CryptoProvider;
  },
  transportSeed: Uint8Array,
  gateway: Uint8Array,
  exporter: Uint8Array | undefined,
): Uint8Array {
  const { state, owner, wall, crypto } = ports;
  const transport = createMessageSigner('ML-DSA-44', transportSeed, crypto);
  const nowMs = wall.nowMs();
  if (state.session === null || state.session.untilMs < nowMs + renewMs) {
    const bytes = signBody(
      'session',
      {
        issuer: owner.thumbprint,
        subject: transport.thumbprint,
        issuedS: Math.floor(nowMs / 1000),
        expiresS: Math.floor((nowMs + sessionLifeMs) / 1000),
        key: transport.key,
        issuerKey: owner.key,
      },
      owner,
    );
    state.session = { bytes, untilMs: nowMs + sessionLifeMs };
    ports.save();
  }
  const token = signBody(
    'token',
    { identity: owner.thumbprint, gateway, expiresMs: Math.floor(nowMs) + tokenLifeMs, exporter: exporter ?? null },
    transport,
  );
  return encodeItem([state.session.bytes, token]);
}
