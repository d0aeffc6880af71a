/** Every bound of the contracts, with its reason. */

/** All arguments of one call: two closes of suite 2 with 1,024 inline leaves each (36 kB each), and room. */
export const MAX_ARGUMENT_BYTES = 80 * 1024;
/** All side inputs of one call: a manifest with 16 recipients (about 24 kB), an owner key, and room. */
export const MAX_TRANSIENT_BYTES = 40 * 1024;
/** The longest function has four arguments, the one with most side inputs three. */
export const MAX_ARGUMENTS = 8;
/** An act is its arguments, a header and one ML-DSA-65 signature. */
export const MAX_ACT_BYTES = MAX_ARGUMENT_BYTES + 8 * 1024;
/** As long as a login token may run ahead (protocol 12): longer, and a withheld act could be played much later. */
export const ACT_WINDOW_MS = 10 * 60 * 1000;
/** A tenant is a short name, not a document. */
export const MAX_TENANT_BYTES = 64;
/** The path between two trees of at most 2^53 leaves has at most 2 x 53 hashes (RFC 9162, section 2.1.4). */
export const MAX_CONSISTENCY_HASHES = 106;
/** Integers of the protocol (SPEC clause ENC-6). */
export const MAX_UINT = Number.MAX_SAFE_INTEGER;
