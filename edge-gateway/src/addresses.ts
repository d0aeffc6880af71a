import { type Bucket, createBucket } from './buckets.ts';
import { MAX_ADDRESSES } from './limits.ts';
import type { GatewaySettings } from './settings.ts';

/** What one remote address may do. Beside it the ceilings for all hold, so that many addresses gain nothing. */
export interface AddressLimits {
  /** New sockets. */
  readonly sockets: Bucket;
  /** Logins whose signatures are checked. */
  readonly logins: Bucket;
  /** Logins that turned out false: beyond it none is checked. */
  readonly failures: Bucket;
}

/** The limits of remote addresses, the least recent forgotten first; an IPv6 network of 64 bits counts as one. */
export function createAddresses(settings: GatewaySettings): (address: string) => AddressLimits {
  const known = new Map<string, AddressLimits>();
  return (address) => {
    const key = networkOf(address);
    const limits = known.get(key) ?? {
      sockets: createBucket(settings.connectionsPerS / 2, settings.connectionsBurst),
      logins: createBucket(settings.loginsPerS / 2, settings.loginsBurst),
      failures: createBucket(settings.badLoginsPerS, settings.badLoginsBurst),
    };
    known.delete(key);
    known.set(key, limits);
    for (const oldest of known.keys()) {
      if (known.size <= MAX_ADDRESSES) break;
      known.delete(oldest);
    }
    return limits;
  };
}

/** IPv4 as it is, also when mapped into IPv6; of IPv6 the first four groups. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('%')[0]!.split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros =
    tail === undefined ? [] : Array.from({ length: Math.max(0, 8 - before.length - after.length) }, () => '0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
