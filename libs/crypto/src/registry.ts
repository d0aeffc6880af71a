/**
 * Every algorithm the product knows, in one table (crypto agility): code asks this table by name, id and date and
 * never spells a size or an id itself. An algorithm is retired by giving it an end date, a suite by taking it out of
 * the patients' manifests; neither needs a change elsewhere.
 */

export type SignatureAlgorithm = 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87' | 'SLH-DSA-SHA2-128s';
export type KemAlgorithm = 'X-Wing' | 'ML-KEM-768' | 'ML-KEM-1024';
export type AlgorithmName = SignatureAlgorithm | KemAlgorithm;

interface AlgorithmEntry {
  /** `active`: part of a suite in force. `registered`: implemented and tested, in no suite yet. */
  readonly status: 'active' | 'registered';
  readonly standard: string;
  /** NIST security category (FIPS 203 to 205). */
  readonly category: 1 | 2 | 3 | 5;
  /** First day of use, inclusive; last day, exclusive; null = none decided. Milliseconds since 1970 UTC. */
  readonly usableFromMs: number;
  readonly notAfterMs: number | null;
  readonly seedBytes: number;
  readonly publicKeyBytes: number;
}

export interface SignatureEntry extends AlgorithmEntry {
  readonly use: 'signature';
  readonly name: SignatureAlgorithm;
  /** COSE algorithm number, null where none is assigned. */
  readonly coseId: number | null;
  readonly signatureBytes: number;
}

export interface KemEntry extends AlgorithmEntry {
  readonly use: 'kem';
  readonly name: KemAlgorithm;
  /** HPKE KEM id of draft-ietf-hpke-pq-05. */
  readonly hpkeId: number;
  readonly encapsulatedBytes: number;
  readonly coinsBytes: number;
}

/** A protocol suite: one integer, fixed meaning, never negotiated piecewise. */
export interface Suite {
  readonly id: 1 | 2;
  readonly signature: SignatureAlgorithm;
  readonly kem: 'X-Wing';
  readonly aead: 'AES-256-GCM';
  readonly hash: 'SHA-256';
}

export interface ReservedSuite {
  readonly id: 3 | 4 | 5;
  readonly meaning: string;
}

const fips203to205Ms = Date.UTC(2024, 7, 13);
const inForce = { status: 'active', usableFromMs: fips203to205Ms, notAfterMs: null } as const;
const inReserve = { status: 'registered', usableFromMs: fips203to205Ms, notAfterMs: null } as const;

export const signatureAlgorithms: Readonly<Record<SignatureAlgorithm, SignatureEntry>> = {
  'ML-DSA-44': {
    ...inForce,
    use: 'signature',
    name: 'ML-DSA-44',
    standard: 'FIPS 204, RFC 9964',
    category: 2,
    coseId: -48,
    seedBytes: 32,
    publicKeyBytes: 1312,
    signatureBytes: 2420,
  },
  'ML-DSA-65': {
    ...inForce,
    use: 'signature',
    name: 'ML-DSA-65',
    standard: 'FIPS 204, RFC 9964',
    category: 3,
    coseId: -49,
    seedBytes: 32,
    publicKeyBytes: 1952,
    signatureBytes: 3309,
  },
  'ML-DSA-87': {
    ...inReserve,
    use: 'signature',
    name: 'ML-DSA-87',
    standard: 'FIPS 204, RFC 9964',
    category: 5,
    coseId: -50,
    seedBytes: 32,
    publicKeyBytes: 2592,
    signatureBytes: 4627,
  },
  'SLH-DSA-SHA2-128s': {
    ...inReserve,
    use: 'signature',
    name: 'SLH-DSA-SHA2-128s',
    standard: 'FIPS 205',
    category: 1,
    coseId: null,
    seedBytes: 48,
    publicKeyBytes: 32,
    signatureBytes: 7856,
  },
};

export const kemAlgorithms: Readonly<Record<KemAlgorithm, KemEntry>> = {
  'X-Wing': {
    ...inForce,
    use: 'kem',
    name: 'X-Wing',
    standard: 'draft-connolly-cfrg-xwing-kem, draft-ietf-hpke-pq-05 (ML-KEM-768 + X25519)',
    category: 3,
    hpkeId: 0x647a,
    seedBytes: 32,
    publicKeyBytes: 1216,
    encapsulatedBytes: 1120,
    coinsBytes: 64,
  },
  'ML-KEM-768': {
    ...inReserve,
    use: 'kem',
    name: 'ML-KEM-768',
    standard: 'FIPS 203',
    category: 3,
    hpkeId: 0x0041,
    seedBytes: 64,
    publicKeyBytes: 1184,
    encapsulatedBytes: 1088,
    coinsBytes: 32,
  },
  'ML-KEM-1024': {
    ...inReserve,
    use: 'kem',
    name: 'ML-KEM-1024',
    standard: 'FIPS 203',
    category: 5,
    hpkeId: 0x0042,
    seedBytes: 64,
    publicKeyBytes: 1568,
    encapsulatedBytes: 1568,
    coinsBytes: 32,
  },
};

/** The HPKE code points of a wrap (draft-ietf-hpke-pq-05; RFC 9180). */
export const hpkeIds = { kem: 0x647a, kdfShake256: 0x0011, aeadAes256Gcm: 0x0002 } as const;

const suites: readonly Suite[] = [
  { id: 1, signature: 'ML-DSA-44', kem: 'X-Wing', aead: 'AES-256-GCM', hash: 'SHA-256' },
  { id: 2, signature: 'ML-DSA-65', kem: 'X-Wing', aead: 'AES-256-GCM', hash: 'SHA-256' },
];

/** Kept free so that their numbers are never given another meaning. Refused in version 1. */
export const reservedSuites: readonly ReservedSuite[] = [
  { id: 3, meaning: 'ML-DSA-87, ML-KEM-1024 + P-384, SHA-384' },
  { id: 4, meaning: 'as suite 1 with ChaCha20-Poly1305' },
  { id: 5, meaning: 'as suite 2 with a second, classical signature' },
];

export const suiteIds: readonly Suite['id'][] = suites.map((entry) => entry.id);

/** The suite of that number, undefined for reserved and unknown ones: both are refused alike. */
export function suite(id: number): Suite | undefined {
  return suites.find((entry) => entry.id === id);
}

/** The signature algorithm of a COSE number, undefined when unknown. */
export function signatureByCoseId(coseId: number): SignatureEntry | undefined {
  return Object.values(signatureAlgorithms).find((entry) => entry.coseId === coseId);
}

export function algorithm(name: SignatureAlgorithm): SignatureEntry;
export function algorithm(name: KemAlgorithm): KemEntry;
export function algorithm(name: string): SignatureEntry | KemEntry | undefined;
export function algorithm(name: string): SignatureEntry | KemEntry | undefined {
  const table: Readonly<Record<string, SignatureEntry | KemEntry>> = { ...signatureAlgorithms, ...kemAlgorithms };
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Whether an entry may be used at that time: `usableFromMs <= atMs < notAfterMs`. */
export function usableAt(entry: Pick<AlgorithmEntry, 'usableFromMs' | 'notAfterMs'>, atMs: number): boolean {
  return entry.usableFromMs <= atMs && (entry.notAfterMs === null || atMs < entry.notAfterMs);
}

/** The suite of that number if both its algorithms are active and in date. */
export function suiteAt(id: number, atMs: number): Suite | undefined {
  const found = suite(id);
  if (found === undefined) return undefined;
  const parts = [signatureAlgorithms[found.signature], kemAlgorithms[found.kem]];
  return parts.every((entry) => entry.status === 'active' && usableAt(entry, atMs)) ? found : undefined;
}
