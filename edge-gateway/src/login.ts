import { checkLogin, deviceText, shardOf, topic } from '@pulseseal/protocol';
import { type AddressLimits, networkOf } from './addresses.ts';
import type { Border } from './border.ts';
import { createBucket } from './buckets.ts';
import { MAX_VERIFICATIONS } from './limits.ts';
import type { LoginRequest } from './ports.ts';
import type { ClientSession } from './state.ts';
import { createTurns } from './turns.ts';

/**
 * Login (section 12), cheapest first: ban -> turn of its remote address -> limits of the address -> ceiling for all ->
 * token's own words -> session's signature -> token's signature -> client id. Proves the identity key, bound to this TLS
 * session by its exporter. False logins cost their own address alone: its neighbours behind one router with it, nobody else.
 */
export function createLogin(
  border: Border,
  addresses: (address: string) => AddressLimits,
): (request: LoginRequest) => Promise<ClientSession | undefined> {
  const { settings, wall, crypto, instruments } = border;
  const bucket = createBucket(settings.loginsPerS, settings.loginsBurst);
  const turns = createTurns(MAX_VERIFICATIONS, settings.loginsBurst);

  /** The address first: what it is denied leaves the ceiling to the others. */
  const mayCheck = (limits: AddressLimits): boolean => {
    const nowMs = wall.monotonicMs();
    return limits.failures.waitMs(nowMs) === 0 && limits.logins.take(nowMs) && bucket.take(nowMs);
  };
  return async ({ clientId, password, exporter, address }) => {
    const refuse = (result: 'refused' | 'rate' | 'banned') => {
      instruments.logins.add(1, result);
      if (result === 'refused') instruments.refuse('login-refused');
      if (result === 'rate') instruments.refuse('rate');
      return undefined;
    };
    if (border.bans.isBanned(clientId, wall.monotonicMs())) return refuse('banned');
    if (password === undefined) return refuse('refused');
    const limits = addresses(address);
    if (limits.failures.waitMs(wall.monotonicMs()) > 0 || !(await turns.enter(networkOf(address))))
      return refuse('rate');
    const fail = () => {
      limits.failures.take(wall.monotonicMs());
      return refuse('refused');
    };
    try {
      if (!mayCheck(limits)) return refuse('rate');
      const context = { gateway: border.identity.thumbprint, nowMs: wall.nowMs(), exporter };
      const { identity } = await checkLogin(password.slice(), context, crypto);
      if (deviceText(identity) !== clientId) return fail();
      const shard = shardOf(identity, crypto);
      const session: ClientSession = {
        identity: clientId,
        // A copy: small buffers are cut from pages of 8 kB, and one view keeps its page.
        thumbprint: Uint8Array.from(identity),
        device: await border.devices.load(clientId),
        topics: {
          open: topic.device(shard, clientId, 'o'),
          up: topic.device(shard, clientId, 'u'),
          control: topic.device(shard, clientId, 'c'),
          will: topic.device(shard, clientId, 'w'),
          down: topic.device(shard, clientId, 'd'),
          endorse: topic.device(shard, clientId, 'e'),
          manifest: topic.device(shard, clientId, 'm'),
        },
        publishes: createBucket(settings.framesPerS, settings.framesBurst),
        refusedMs: [],
        isPresent: true,
        isDirect: exporter !== undefined,
      };
      instruments.logins.add(1, 'ok');
      return session;
    } catch {
      return fail();
    } finally {
      turns.leave();
    }
  };
}
