import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { readPublicKeys } from '../processes/public-keys.ts';
import { openKeys } from '../processes/zone.ts';
import { OptionError, startOptions } from '../start/options.ts';

const ZONES = ['ledger', 'edge', 'care', 'body', 'operator'] as const;
/** Read by care at its next start: every prekey is replaced and the patients' agents issue new manifests. */
export const ROTATE_MARK = 'rotate-prekeys';

export async function keysCommand(
  name: 'list' | 'export-public' | 'trust' | 'rotate',
  data: string | undefined,
): Promise<number> {
  const { dataDir } = startOptions(data === undefined ? {} : { data }, process.env.INIT_CWD ?? process.cwd());
  if (!existsSync(dataDir))
    throw new OptionError(`${dataDir} does not exist. Start the system once, or name its folder with --data.`);
  if (name === 'list') return list(dataDir);
  if (name === 'rotate') {
    if (!existsSync(join(dataDir, 'care'))) throw new OptionError(`${dataDir} holds no system yet. Start it once.`);
    await writeFile(join(dataDir, 'care', ROTATE_MARK), '', { mode: 0o600 });
    console.log(
      'At the next start the ward makes new prekeys and every patient’s agent signs a new manifest with them.',
    );
    return 0;
  }
  const byZone = await Promise.all(
    ZONES.map(async (zone) => [zone, await readPublicKeys(join(dataDir, zone))] as const),
  );
  if (name === 'export-public') {
    console.log(JSON.stringify(Object.fromEntries(byZone), null, 2));
    return 0;
  }
  const entries = new Map(byZone);
  const owners = (entries.get('body') ?? []).filter((k) => k.name.startsWith('owner ')).map((k) => k.thumbprint);
  const signers = (entries.get('ledger') ?? []).map((k) => k.thumbprint);
  if (owners.length === 0 || signers.length === 0)
    throw new OptionError(`${dataDir} has no owners or no ledger yet. Start the system once.`);
  console.log(JSON.stringify({ owners, signers }, null, 1));
  return 0;
}

/** Opens each zone's key file; a running zone writes it, so this only reads. */
async function list(dataDir: string): Promise<number> {
  const random = createSystemRandom();
  for (const zone of ZONES) {
    const dir = join(dataDir, zone);
    if (!existsSync(join(dir, 'keys', 'keys.sealed'))) continue;
    const keys = await openKeys(dir, random, createSystemClock());
    for (const { name, createdMs } of await keys.list())
      console.log(`${zone.padEnd(9)} ${new Date(createdMs).toISOString()}  ${name}`);
  }
  return 0;
}
