import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../..');

/**
 * The folder of recordings and official vectors that stands beside a checkout, or undefined.
 * `PULSESEAL_SHARED` names another place. Says aloud when it is absent, so that a skip is seen.
 */
export function sharedDir(part: string): string | undefined {
  const base = process.env.PULSESEAL_SHARED ?? join(root, '..', 'shared');
  const dir = join(base, part);
  if (existsSync(dir)) return dir;
  console.warn(`SKIPPED: ${part} is absent beside the checkout (set PULSESEAL_SHARED to its folder)`);
  return undefined;
}
