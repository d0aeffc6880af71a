import { checkLogin, deviceText, shardOf, topic } from '@pulseseal/protocol';
import type { Border } from './border.ts';
import { createBucket } from './buckets.ts';
import { MAX_VERIFICATIONS } from './limits.ts';
import type { LoginRequest } from './ports.ts';
import type { ClientSession } from './state.ts';

/**
 * Login (section 12), cheapest first: ban -> bucket -> token's own words -> session's signature -> token's signature ->
 * client id. Proves the identity key, bound to this TLS session by its exporter.
 */
export function createLogin(border: Border): (request: LoginRequest) => Promise<ClientSession | undefined> {
  const { settings, wall, crypto, instruments } = border;
  const bucket = createBucket(settings.loginsPerS, settings.loginsBurst);
  let running = 0;
  const waiting: (() => void)[] = [];

  const turn = async () => {
    if (running >= MAX_VERIFICATIONS) await new Promise<void>((resolve) => waiting.push(resolve));
    running++;
  };
  return async ({ clientId, password, exporter }) => {
    const refuse = (result: 'refused' | 'rate' | 'banned') => {
      instruments.logins.add(1, result);
      if (result === 'refused') instruments.refuse('login-refused');
      if (result === 'rate') instruments.refuse('rate');
      return undefined;
    };
    const nowMs = wall.monotonicMs();
    if (border.bans.isBanned(clientId, nowMs)) return refuse('banned');
    if (password === undefined) return refuse('refused');
    if (!bucket.take(nowMs) || waiting.length >= settings.loginsBurst) return refuse('rate');
    await turn();
    try {
      const context = { gateway: border.identity.thumbprint, nowMs: wall.nowMs(), exporter };
      const { identity } = await checkLogin(password.slice(), context, crypto);
      if (deviceText(identity) !== clientId) return refuse('refused');
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
      return refuse('refused');
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
}
