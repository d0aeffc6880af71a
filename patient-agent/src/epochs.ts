import { type CryptoProvider, equalBytes, erase, toHex } from '@pulseseal/crypto';
import {
  attempt,
  commitment,
  ehOf,
  type Keys,
  type Open,
  openHash,
  openRecipientWrap,
  parseCoseKey,
  parseSigned,
  verifySigned,
} from '@pulseseal/protocol';
import { agentLimits } from './limits.ts';
import type { AgentState, DeviceEntry } from './state.ts';
import type { Vault } from './vault.ts';

export type EpochRefusal =
  | 'open-malformed'
  | 'device-unknown'
  | 'signature-wrong'
  | 'keys-unannounced'
  | 'manifest-unknown'
  | 'not-wrapped'
  | 'wrap-mismatch'
  | 'wrap-failed'
  | 'commitment-mismatch';

/** Takes openings and keys from the owner's own devices and puts what the archive wrap holds into the vault. */
export interface EpochDesk {
  /** The device it belongs to, or why it was refused. */
  opening(openBytes: Uint8Array): DeviceEntry | EpochRefusal;
  keys(keys: Keys): Promise<undefined | EpochRefusal>;
}

export function createEpochDesk(ports: {
  readonly state: AgentState;
  readonly vault: Vault;
  readonly archiveSeed: () => Uint8Array;
  readonly crypto: CryptoProvider;
}): EpochDesk {
  const { state, vault, crypto } = ports;
  const pending = new Map<string, { open: Open; oh: Uint8Array; entry: DeviceEntry }>();
  return {
    opening(openBytes) {
      const parsed = attempt(() => parseSigned(openBytes, 'open'));
      if (!parsed.ok) return 'open-malformed';
      const open = parsed.value.body;
      const entry = state.devices.find((device) => equalBytes(device.device, open.device));
      if (entry === undefined) return 'device-unknown';
      if (!verifySigned(parsed.value, parseCoseKey(entry.key), crypto)) return 'signature-wrong';
      const oh = openHash(openBytes, crypto);
      pending.set(toHex(ehOf(oh)), { open, oh, entry });
      if (pending.size > agentLimits.maxPendingOpenings) pending.delete(pending.keys().next().value!);
      return entry;
    },
    async keys(message) {
      const eh = toHex(message.eh);
      const waiting = pending.get(eh);
      if (waiting === undefined) return 'keys-unannounced';
      pending.delete(eh);
      const { open, oh, entry } = waiting;
      if (vault.has(oh)) return undefined;
      const found = ownWrap(open, entry, message, state.archiveRid, crypto);
      if (typeof found === 'string') return found;
      const context = {
        device: open.device,
        boot: open.boot,
        epoch: open.epoch,
        rid: state.archiveRid,
        prekeyId: found.prekeyId,
        manifestHash: open.manifestHash,
      };
      let secrets: ReadonlyMap<number, Uint8Array>;
      try {
        const opened = await openRecipientWrap(found.wrap, ports.archiveSeed(), context, crypto);
        erase(opened.ack);
        secrets = opened.scopes;
      } catch {
        return 'wrap-failed';
      }
      for (const [scope, es] of secrets) {
        const expected = open.commitments.get(scope);
        const actual = commitment(es, open.device, open.boot, open.epoch, scope, crypto);
        if (expected === undefined || !equalBytes(actual, expected)) return 'commitment-mismatch';
      }
      vault.add(
        {
          oh: toHex(oh),
          device: toHex(open.device),
          boot: open.boot,
          epoch: open.epoch,
          t0Ms: open.clock.t0Ms,
        },
        secrets,
      );
      for (const es of secrets.values()) erase(es);
      return undefined;
    },
  };
}

/** The archive's own wrap: its hash stands in the open at the archive's place in the manifest. */
function ownWrap(
  open: Open,
  entry: DeviceEntry,
  keys: Keys,
  archiveRid: Uint8Array,
  crypto: CryptoProvider,
): { wrap: Uint8Array; prekeyId: number } | EpochRefusal {
  const manifestBytes = entry.manifests.find((bytes) => equalBytes(crypto.sha256(bytes), open.manifestHash));
  if (manifestBytes === undefined) return 'manifest-unknown';
  const { recipients } = parseSigned(manifestBytes, 'manifest').body;
  const place = recipients.findIndex((recipient) => equalBytes(recipient.rid, archiveRid));
  const hash = open.wrapHashes[place];
  if (hash === undefined || hash === null) return 'not-wrapped';
  const wrap = keys.wraps.find((candidate) => equalBytes(crypto.sha256(candidate), hash));
  return wrap === undefined ? 'wrap-mismatch' : { wrap, prekeyId: recipients[place]!.prekeyId };
}
