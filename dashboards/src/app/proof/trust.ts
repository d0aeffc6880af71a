import { settings } from '../settings.ts';
import type { TrustAnchors } from './verdict.ts';

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

/** Fingerprints in whatever shape the verifier gives them, as lines `name` and grouped hex. */
export function fingerprintLines(fingerprints: unknown): readonly (readonly [name: string, print: string])[] {
  if (fingerprints instanceof Uint8Array) return [['', grouped(fingerprints)]];
  if (typeof fingerprints === 'string') return [['', fingerprints]];
  const entries: readonly (readonly [string, unknown])[] = Array.isArray(fingerprints)
    ? fingerprints.map((entry: unknown) => ['', entry] as const)
    : fingerprints instanceof Map
      ? [...fingerprints].map(([name, value]: [unknown, unknown]) => [String(name), value] as const)
      : typeof fingerprints === 'object' && fingerprints !== null
        ? Object.entries(fingerprints)
        : [];
  return entries.flatMap(([name, value]) =>
    fingerprintLines(value).map(([inner, print]) => [[name, inner].filter(Boolean).join(' '), print] as const),
  );
}

function grouped(bytes: Uint8Array): string {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return (hex.match(/.{1,8}/g) ?? []).join(' ');
}
