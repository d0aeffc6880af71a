import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex } from '@pulseseal/crypto';
import { createLocalLedger, ledgerCertificate, serveLedger } from '@pulseseal/ledger';
import { openLog } from '@pulseseal/log';
import type { CoseKey } from '@pulseseal/protocol';
import type { RunningZone } from './ipc.ts';
import { writePublicKeys } from './public-keys.ts';
import { type LedgerAddress, openZone, secretOf, signerOf, type ZoneSettings } from './zone.ts';

export interface LedgerZoneSettings extends ZoneSettings {
  readonly port: number;
  readonly operatorKey: CoseKey;
}

export interface LedgerReady extends LedgerAddress {
  readonly ledgerId: Uint8Array;
  readonly signer: Uint8Array;
}

/** A person enrols devices and waits: short blocks cost little on one machine. */
const BLOCK_DELAY_MS = 10;

export const LEDGER_NAME = 'pulseseal-local';

/** The ledger zone: contracts, chain and signing key in a process of their own. */
export async function runLedger(settings: LedgerZoneSettings): Promise<RunningZone> {
  const base = await openZone('ledger', settings);
  const signer = await signerOf(base, 'ledger-signer');
  const ledger = await createLocalLedger({
    log: await openLog({ dir: join(base.dir, 'chain') }),
    crypto: base.crypto,
    signer,
    clock: base.wall,
    blockDelayMs: BLOCK_DELAY_MS,
    genesis: { name: LEDGER_NAME, operatorKey: settings.operatorKey },
  });
  const certificate = ledgerCertificate(await secretOf(base, 'ledger-tls'), base.random, base.wall, base.crypto);
  await writePublicKeys(base, [{ name: 'ledger signer', key: signer.key }]);
  const server = await serveLedger({ ledger, certificate, clock: base.wall, logger: base.logger, port: settings.port });
  // For `pulseseal proof` beside a running system: public, and useless without the pin.
  await writeFile(
    join(base.dir, 'address.json'),
    JSON.stringify({ url: server.url, spkiHash: toHex(server.spkiHash) }),
    { mode: 0o600 },
  );
  const { ledgerId } = await ledger.identity();
  const ready: LedgerReady = { url: server.url, spkiHash: server.spkiHash, ledgerId, signer: signer.thumbprint };
  return {
    ready,
    calls: {},
    async stop() {
      await server.close();
      await ledger.close();
    },
  };
}
