import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toBase64url, toHex } from '@pulseseal/crypto';
import { type CoseKey, encodeCoseKey, thumbprint } from '@pulseseal/protocol';
import type { ZoneBase } from './zone.ts';

/** One public key of a zone, for people and for trust files. */
export interface PublicKeyEntry {
  readonly name: string;
  readonly algorithm: string;
  readonly thumbprint: string;
  /** base64url of the encoded COSE key. */
  readonly coseKey: string;
}

export async function writePublicKeys(
  base: ZoneBase,
  keys: readonly { readonly name: string; readonly key: CoseKey }[],
): Promise<void> {
  const entries = keys.map(
    ({ name, key }): PublicKeyEntry => ({
      name,
      algorithm: key.algorithm,
      thumbprint: toHex(thumbprint(key, base.crypto)),
      coseKey: toBase64url(encodeCoseKey(key)),
    }),
  );
  const path = join(base.dir, 'public.json');
  await writeFile(`${path}.new`, `${JSON.stringify(entries, null, 1)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

export async function readPublicKeys(zoneDir: string): Promise<readonly PublicKeyEntry[]> {
  try {
    return JSON.parse(await readFile(join(zoneDir, 'public.json'), 'utf8')) as PublicKeyEntry[];
  } catch {
    return [];
  }
}
