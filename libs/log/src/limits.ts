/** Every bound of this package, with its reason. */

export const MIB = 1024 * 1024;

/** One segment: large enough that a day of one ward is a few files, small enough that retention frees space in steps. */
export const DEFAULT_SEGMENT_BYTES = 64 * MIB;
/** Offsets inside a segment are mixed into 32-bit checksums, and a segment must stay seekable in one signed 32-bit step. */
export const MAX_SEGMENT_BYTES = 1024 * MIB;
/** One write call: beyond this a single write delays its callers more than the saved system calls are worth. */
export const DEFAULT_MAX_BATCH_BYTES = 1 * MIB;
/** Waiting for the disk: about a tenth of a second of the fastest intake measured. */
export const DEFAULT_MAX_PENDING_BYTES = 16 * MIB;
/** The largest message of the protocol with room for its envelope. */
export const DEFAULT_MAX_RECORD_BYTES = 256 * 1024;
/** The length field has 20 bits: a longer one would make the search behind a damaged header slow. */
export const MAX_STORED_BYTES = 2 ** 20 - 1;

/** First allocation of a batch buffer: an idle log must not hold a megabyte. */
export const FIRST_BUFFER_BYTES = 64 * 1024;
/** Segments kept open for reading by one log or reader. */
export const MAX_OPEN_SEGMENTS = 8;
/** Reading in bulk: one read call. */
export const SCAN_CHUNK_BYTES = 1 * MIB;
/** Reading one record: most records fit. */
export const SMALL_CHUNK_BYTES = 4 * 1024;
/** What one `readFrom` returns when the caller names no bound. */
export const DEFAULT_READ_BYTES = 1 * MIB;
export const DEFAULT_READ_RECORDS = 4096;
/** A report of damage names at most so many places; more of them say the disk is gone. */
export const MAX_DAMAGE_ENTRIES = 1000;
/** A reader whose file watch says nothing looks again after this time. */
export const POLL_PERIOD_MS = 200;
