import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBase64url, fromHex } from '@pulseseal/crypto';
import { connectLedger, createLocalLedger, type Ledger } from '@pulseseal/ledger';
import { openLog } from '@pulseseal/log';
import { attempt, parseCoseKey, parseReadingId, Refusal, verifyProof } from '@pulseseal/protocol';
import { openFileStateStore } from '@pulseseal/stream-processor';
import { atRest, openWard } from '../processes/care-state.ts';
import { LEDGER_NAME } from '../processes/ledger.ts';
import { readPublicKeys } from '../processes/public-keys.ts';
import { openZone, secretOf, signerOf, type ZoneBase } from '../processes/zone.ts';
import { openProofSource } from '../proof/source.ts';
import { OptionError, startOptions } from '../start/options.ts';

/** How long a ledger that should run may take to answer. */
const LEDGER_ANSWER_MS = 3_000;

/** `pulseseal proof READING [--data DIR]`: from the folder of a running or a stopped system. */
export async function proofCommand(readingId: string, data: string | undefined): Promise<number> {
  const { dataDir } = startOptions(data === undefined ? {} : { data }, process.env.INIT_CWD ?? process.cwd());
  if (!existsSync(join(dataDir, 'edge')))
    throw new OptionError(`${dataDir} holds no system. Name its folder with --data.`);
  try {
    parseReadingId(readingId);
  } catch (error) {
    if (error instanceof Refusal)
      throw new OptionError(
        `"${readingId}" is no reading id. One looks like DEVICE.EPOCH.SEQ.INDEX; the board and --json show them.`,
      );
    throw error;
  }
  const scale = { originMs: 0, speed: 1 };
  const base = await openZone('care', { dir: join(dataDir, 'care'), scale, logLevel: 'error' });
  const scratch = await mkdtemp(join(tmpdir(), 'pulseseal-proof-'));
  const ledger = await reachLedger(dataDir, base);
  try {
    // A copy: the store of a running system has a writer of its own, whose temporary files come and go.
    const filter = (path: string) => !path.endsWith('.tmp');
    if (existsSync(join(base.dir, 'epochs'))) await cp(join(base.dir, 'epochs'), scratch, { recursive: true, filter });
    const state = await openFileStateStore({
      folder: scratch,
      sealKey: await secretOf(base, 'epochs'),
      crypto: base.crypto,
      random: base.random,
    });
    const seal = atRest(base, await secretOf(base, 'at-rest'));
    const ward = await openWard(base.dir, seal.seal, seal.open);
    const source = await openProofSource(dataDir, { ledger, care: { keys: base.keys, state, ward } });
    const bundle = await source.explain(readingId);
    if (!isSound(bundle, base.crypto))
      throw new OptionError(
        `${readingId}: this frame has no such reading. The board and --json show the ids there are.`,
      );
    await new Promise<void>((resolve, reject) =>
      process.stdout.write(bundle, (error) => (error ? reject(error) : resolve())),
    );
    process.stderr.write(
      'The disclosed key opens every frame of this kind of data in this segment (a minute or less) to whoever holds their ciphertext.\n',
    );
    return 0;
  } finally {
    await ledger.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** A bundle that its own verifier refuses is handed to nobody. */
function isSound(bundle: Uint8Array, crypto: ZoneBase['crypto']): boolean {
  const verdict = attempt(() => verifyProof(bundle, undefined, crypto));
  return verdict.ok && verdict.value.holds;
}

/** The running ledger, else the chain of the stopped one. */
async function reachLedger(dataDir: string, care: ZoneBase): Promise<Ledger> {
  const dir = join(dataDir, 'ledger');
  const address = await readFile(join(dir, 'address.json'), 'utf8').then(
    (text) => JSON.parse(text) as { url: string; spkiHash: string },
    () => undefined,
  );
  if (address !== undefined) {
    const running = connectLedger({
      url: address.url,
      spkiHash: fromHex(address.spkiHash),
      clock: care.wall,
      answerTimeoutMs: LEDGER_ANSWER_MS,
    });
    const isThere = await running.identity().then(
      () => true,
      () => false,
    );
    if (isThere) return running;
    await running.close();
  }
  const base = await openZone('ledger', { dir, scale: { originMs: 0, speed: 1 }, logLevel: 'error' });
  const operator = (await readPublicKeys(join(dataDir, 'operator')))[0];
  if (operator === undefined) throw new OptionError(`${dataDir} has no operator key yet. Start the system once.`);
  return createLocalLedger({
    log: await openLog({ dir: join(dir, 'chain') }),
    crypto: base.crypto,
    signer: await signerOf(base, 'ledger-signer'),
    clock: base.wall,
    genesis: { name: LEDGER_NAME, operatorKey: parseCoseKey(fromBase64url(operator.coseKey)) },
  });
}
