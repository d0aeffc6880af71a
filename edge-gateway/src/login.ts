import { checkLogin, deviceText, shardOf } from '@pulseseal/protocol';
import { type AddressLimits, networkOf } from './addresses.ts';
import type { Border } from './border.ts';
import { createBucket } from './buckets.ts';
import { DeviceTopics } from './device-topics.ts';
import { MAX_VERIFICATIONS } from './limits.ts';
import type { LoginRequest } from './ports.ts';
import type { ClientSession } from './state.ts';
import { createTurns } from './turns.ts';

/**
 * Login (SPEC clause TOPIC-4), cheapest first: ban -> turn of its remote address -> limits of the address -> ceiling for all ->
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
      const device = await border.devices.load(clientId);
      const session: ClientSession = {
        identity: clientId,
        // A copy: small buffers are cut from pages of 8 kB, and one view keeps its page.
        thumbprint: device?.thumbprint ?? Uint8Array.from(identity),
        device,
        topics: device?.topic ?? new DeviceTopics(shardOf(identity, crypto), clientId),
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
