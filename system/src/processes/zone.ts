import { existsSync } from 'node:fs';
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
  Failure,
  type Logger,
  type Metrics,
  type Random,
} from '@pulseseal/runtime';
import { OptionError } from '../start/options.ts';
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
  const keys = await openKeys(settings.dir, random, wall);
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

/** The keys of the zone with this folder; made when there are none. @throws OptionError when the pass phrase is another */
export async function openKeys(dir: string, random: Random, clock: Clock): Promise<KeyStore> {
  const path = join(await privateFolder(join(dir, 'keys')), 'keys.sealed');
  const { passphrase, place } = await passphraseOf(dir, path, random);
  try {
    return await openSealedFileKeyStore({ path, passphrase, random, clock });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'key-store-wrong-passphrase') throw error;
    throw new OptionError(
      `The pass phrase in ${place} does not open ${path}. Set PULSESEAL_PASSPHRASE to the one that it was made with, or unset it if none was set then; if the pass phrase is right, restore the file from a copy.`,
    );
  }
}

/**
 * The pass phrase of a zone's key file: `PULSESEAL_PASSPHRASE`, else one made on the first start and kept beside it with
 * mode 0600, so that an unattended start works. Where the disk itself may be stolen, give it from outside.
 */
async function passphraseOf(
  dir: string,
  keysPath: string,
  random: Random,
): Promise<{ readonly passphrase: string; readonly place: string }> {
  const given = process.env.PULSESEAL_PASSPHRASE;
  if (given !== undefined && given !== '') return { passphrase: given, place: 'PULSESEAL_PASSPHRASE' };
  const place = join(dir, 'passphrase');
  try {
    return { passphrase: (await readFile(place, 'utf8')).trim(), place };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  if (existsSync(keysPath))
    throw new OptionError(
      `${keysPath} was made with a pass phrase of your own. Set PULSESEAL_PASSPHRASE to it, or restore ${place} if it was there.`,
    );
  const made = toHex(random.bytes(32));
  await writeFile(place, `${made}\n`, { mode: 0o600, flag: 'wx' });
  await chmod(place, 0o600);
  return { passphrase: made, place };
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
