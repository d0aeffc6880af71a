import { readFile } from 'node:fs/promises';
import { createNativeCrypto, fromHex } from '@pulseseal/crypto';
import { type ProofVerdict, Refusal, type TrustAnchors, verifyProof } from '@pulseseal/protocol';
import { codeEntry, unitText } from '../codes.ts';

/** `pulseseal verify FILE [--trust FILE]`: offline, from the bundle's bytes and the given anchors alone. */
export async function verifyCommand(
  file: string,
  trustFile: string | undefined,
  print: (line: string) => void,
): Promise<number> {
  const bytes = await readFile(file);
  if (bytes.length === 0) {
    print(`✗ bundle: ${file} is empty. Write it anew with \`pulseseal proof ID > ${file}\`.`);
    return 1;
  }
  let trust: TrustAnchors | undefined;
  if (trustFile !== undefined) trust = parseTrust(await readFile(trustFile, 'utf8'));
  try {
    const verdict = verifyProof(new Uint8Array(bytes), trust, createNativeCrypto());
    for (const line of verdictLines(verdict, trust !== undefined)) print(line);
    return verdict.holds && (trust === undefined || verdict.pinned) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    print(`✗ bundle: ${error.message}`);
    return 1;
  }
}

export function verdictLines(verdict: ProofVerdict, hasTrust: boolean): string[] {
  const lines = [`reading ${verdict.readingId}`];
  for (const check of verdict.checks) lines.push(`${check.ok ? '✓' : '✗'} ${check.name}: ${check.detail}`);
  if (verdict.reading !== undefined && verdict.holds) {
    const { code, unit, text, waveform, atMs } = verdict.reading;
    const name = codeEntry(code)?.name ?? `MDC ${code}`;
    const what = waveform ? `waveform of ${text} samples` : `${text} ${unitText(unit)}`;
    lines.push(`  ${name}: ${what} at ${new Date(atMs).toISOString()}`);
  }
  lines.push(`  owner   ${verdict.fingerprints.owner}`);
  for (const signer of verdict.fingerprints.signers) lines.push(`  ledger  ${signer}`);
  if (!hasTrust)
    lines.push('  not pinned: compare these fingerprints with ones you trust, or give them with --trust FILE');
  else
    lines.push(
      verdict.pinned
        ? '✓ pinned: owner and ledger are the trusted ones'
        : '✗ not pinned: owner or ledger is not among the trusted ones',
    );
  if (verdict.holds) lines.push(verdict.pinned ? 'The proof holds.' : 'The proof holds in itself.');
  else lines.push('The proof does NOT hold.');
  return lines;
}

export class TrustFileError extends Error {}

/** JSON {"owners": [hex], "signers": [hex]}, as `pulseseal keys trust` prints it. */
export function parseTrust(text: string): TrustAnchors {
  const bad = () =>
    new TrustFileError(
      'The trust file is not JSON {"owners":[64 hex digits, ...],"signers":[...]}. Make one with `pulseseal keys trust`.',
    );
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw bad();
  }
  const list = (name: string): Uint8Array[] => {
    const entries = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    if (!Array.isArray(entries)) throw bad();
    return entries.map((entry) => {
      if (typeof entry !== 'string' || !/^[0-9a-f]{64}$/.test(entry)) throw bad();
      return fromHex(entry);
    });
  };
  return { owners: list('owners'), signers: list('signers') };
}
