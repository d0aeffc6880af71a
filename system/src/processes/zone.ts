import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CryptoProvider,
  createNativeCrypto,
  type KeyStore,
  openSealedFileKeyStore,
  toHex,
} from '@pulseseal/crypto';
import { createMessageSigner, type MessageSigner } from '@pulseseal/protocol';
import {
  type Clock,
  type ClockScale,
  createLogger,
  createMetrics,
  createScaledClock,
  createSystemClock,
  createSystemRandom,
  type Logger,
  type Metrics,
  type Random,
} from '@pulseseal/runtime';
import type { ZoneName } from './ipc.ts';

/** What every zone's process begins with. */
export interface ZoneBase {
  readonly dir: string;
  readonly crypto: CryptoProvider;
  readonly random: Random;
  /** Transport periods. */
  readonly wall: Clock;
  /** Data and rule time. */
  readonly data: Clock;
  readonly keys: KeyStore;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface ZoneSettings {
  /** The zone's own folder; no other process writes there. */
  readonly dir: string;
  readonly scale: ClockScale;
  readonly logLevel: string;
}

export async function openZone(zone: ZoneName | 'operator', settings: ZoneSettings): Promise<ZoneBase> {
  await privateFolder(settings.dir);
  const wall = createSystemClock();
  const random = createSystemRandom();
  const keys = await openSealedFileKeyStore({
    path: join(await privateFolder(join(settings.dir, 'keys')), 'keys.sealed'),
    passphrase: await passphraseOf(settings.dir, random),
    random,
    clock: wall,
  });
  return {
    dir: settings.dir,
    crypto: createNativeCrypto(),
    random,
    wall,
    data: createScaledClock(wall, settings.scale),
    keys,
    logger: createLogger(zone, settings.logLevel),
    metrics: createMetrics(zone),
  };
}

export async function privateFolder(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  return dir;
}

/**
 * The pass phrase of a zone's key file: `PULSESEAL_PASSPHRASE`, else one made on the first start and kept beside it with
 * mode 0600, so that an unattended start works. Where the disk itself may be stolen, give it from outside.
 */
export async function passphraseOf(dir: string, random: Random): Promise<string> {
  const given = process.env.PULSESEAL_PASSPHRASE;
  if (given !== undefined && given !== '') return given;
  const path = join(dir, 'passphrase');
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    const made = toHex(random.bytes(32));
    await writeFile(path, `${made}\n`, { mode: 0o600, flag: 'wx' });
    await chmod(path, 0o600);
    return made;
  }
}

/** A secret of the key store, made on first use. */
export async function secretOf(
  base: Pick<ZoneBase, 'keys' | 'random'>,
  name: string,
  length = 32,
): Promise<Uint8Array> {
  const known = await base.keys.get(name);
  if (known !== undefined) return known;
  const made = base.random.bytes(length);
  await base.keys.put(name, made);
  return made;
}

export async function signerOf(
  base: ZoneBase,
  name: string,
  algorithm: 'ML-DSA-44' | 'ML-DSA-65' = 'ML-DSA-65',
): Promise<MessageSigner> {
  return createMessageSigner(algorithm, await secretOf(base, name), base.crypto);
}

/** How a zone reaches the ledger. */
export interface LedgerAddress {
  readonly url: string;
  readonly spkiHash: Uint8Array;
}
