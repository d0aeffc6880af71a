/** Every bound of the key store and of certificates, with its reason. */

/** A key store holds one station's keys: identity, prekeys of some weeks, tokens. Keeps a rewrite under a megabyte or so. */
export const maxEntries = 1024;
/** Expanded SLH-DSA or ML-DSA keys fit; no bulk data belongs here. */
export const maxSecretBytes = 16_384;
/** Names are shown in messages and listings. */
export const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;
/** Largest file read: entries times (secret in base64url + name + time), rounded up. */
export const maxFileBytes = 32 * 1024 * 1024;
/** Shorter pass phrases fall to a dictionary in spite of Argon2id. */
export const minPassphraseCharacters = 8;
/** RFC 9106 section 4, second recommended option: 64 MiB, 3 passes, 4 lanes. */
export const argon2Settings = { memoryKib: 65_536, passes: 3, lanes: 4 } as const;
/** A damaged or hostile header must not make the opener take all memory or run for hours. */
export const argon2Bounds = { memoryKib: [8_192, 1_048_576], passes: [1, 16], lanes: [1, 16] } as const;
/** X.520 upper bound of a common name. */
export const maxCommonNameCharacters = 64;
/** RFC 5280 section 4.1.2.2. */
export const maxSerialBytes = 20;
/** A station has few names; longer lists are a mistake in configuration. */
export const maxAltNames = 64;
