import type { ProofVerdict, TrustAnchors } from '@pulseseal/protocol';
import { settings } from '../settings.ts';

/**
 * Trust anchors as JSON: `{"owners": [...], "signers": [...]}`, each entry the hex or base64url of a 32-byte SHA-256 thumbprint
 * (what `pulseseal keys trust` writes). Undefined when the text is not that.
 */
export function parseTrust(text: string): TrustAnchors | undefined {
  if (text.length > settings.maxTrustFileBytes) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const file = value as { owners?: unknown; signers?: unknown };
    const owners = thumbprints(file.owners);
    const signers = thumbprints(file.signers);
    return owners === undefined || signers === undefined ? undefined : { owners, signers };
  } catch {
    return undefined;
  }
}

function thumbprints(list: unknown): Uint8Array[] | undefined {
  if (list === undefined) return [];
  if (!Array.isArray(list)) return undefined;
  const result: Uint8Array[] = [];
  for (const entry of list) {
    const bytes = typeof entry === 'string' ? thumbprint(entry) : undefined;
    if (bytes === undefined) return undefined;
    result.push(bytes);
  }
  return result;
}

function thumbprint(text: string): Uint8Array | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text))
    return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) return undefined;
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

/** What a person compares with what the owner, the gateway and the ledger's signers published: name and grouped hex. */
export function fingerprintLines(prints: ProofVerdict['fingerprints']): readonly (readonly [string, string])[] {
  return [
    ['Owner', grouped(prints.owner)],
    ['Gateway', grouped(prints.gateway)],
    ...prints.signers.map((signer) => ['Ledger signer', grouped(signer)] as const),
  ];
}

const grouped = (hex: string): string => (hex.match(/.{1,8}/g) ?? []).join(' ');
