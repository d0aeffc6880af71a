import { type CryptoProvider, equalBytes, toHex } from '@pulseseal/crypto';
import { checkCwt, demand, type Open, parseSigned, type Signed } from '@pulseseal/protocol';
import { limits } from './limits.ts';

/** Endorsements, manifests and beacons as received for one pseudonym. */
export interface Documents {
  /** Checked here: it is looked up by device, so a forged one must not displace it. @throws Refusal */
  addEndorse(rid: string, signed: Signed<'endorse'>, owner: Uint8Array, nowMs: number): Promise<void>;
  /** Looked up by the hash that a signed open names, so the check can wait for that open. */
  add(rid: string, signed: Signed<'manifest'> | Signed<'beacon'>): void;
  find(
    rid: string,
    open: Open,
  ): {
    readonly endorse: Uint8Array | undefined;
    readonly manifest: Uint8Array | undefined;
    readonly beacon: Uint8Array | undefined;
  };
  /** Manifests of this device, newest version first; nobody has checked their signatures. */
  manifestsOf(rid: string, device: Uint8Array): readonly Uint8Array[];
}

export function createDocuments(crypto: CryptoProvider): Documents {
  const byRid = new Map<
    string,
    { endorses: Map<string, Uint8Array>; manifests: Map<string, Uint8Array>; beacons: Map<string, Uint8Array> }
  >();
  const of = (rid: string) => {
    let own = byRid.get(rid);
    if (own === undefined) {
      own = { endorses: new Map(), manifests: new Map(), beacons: new Map() };
      byRid.set(rid, own);
    }
    return own;
  };
  const keep = (map: Map<string, Uint8Array>, name: string, bytes: Uint8Array) => {
    map.delete(name);
    map.set(name, bytes.slice());
    if (map.size > limits.documents) map.delete(map.keys().next().value!);
  };
  return {
    async addEndorse(rid, signed, owner, nowMs) {
      demand(equalBytes(signed.body.issuer, owner), 'owner-mismatch');
      const name = toHex(signed.body.subject);
      const known = of(rid).endorses.get(name);
      if (known !== undefined && equalBytes(known, signed.raw)) return;
      await checkCwt(signed.raw, 'endorse', undefined, nowMs, crypto);
      keep(of(rid).endorses, name, signed.raw);
    },
    add(rid, signed) {
      const own = of(rid);
      keep(signed.typ === 'manifest' ? own.manifests : own.beacons, toHex(crypto.sha256(signed.raw)), signed.raw);
    },
    manifestsOf(rid, device) {
      const own = [...(byRid.get(rid)?.manifests.values() ?? [])].map((bytes) => parseSigned(bytes, 'manifest'));
      return own
        .filter(({ body }) => equalBytes(body.device, device))
        .sort((a, b) => b.body.version - a.body.version)
        .map(({ raw }) => raw);
    },
    find(rid, open) {
      const own = byRid.get(rid);
      return {
        endorse: own?.endorses.get(toHex(open.device)),
        manifest: own?.manifests.get(toHex(open.manifestHash)),
        beacon: open.beaconHash === undefined ? undefined : own?.beacons.get(toHex(open.beaconHash)),
      };
    },
  };
}
