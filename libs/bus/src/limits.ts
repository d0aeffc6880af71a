/** Every bound of this package, with its reason. */

/** Topics are names of feeds, chosen by the product, not by strangers. */
export const MAX_TOPIC_BYTES = 255;
/** The largest record of the log, less room for topics and lengths. */
export const MAX_BODY_BYTES = 250 * 1024;
/** What the memory adapter holds for its slowest subscriber before it refuses. */
export const DEFAULT_MAX_MESSAGES = 10_000;
export const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;
/** Messages of one record of the embedded adapter: their places are numbered inside the record. */
export const MAX_ITEMS_PER_RECORD = 1024;
/** A record of the embedded adapter is closed beyond this size: one disk page batch, far below the log's bound. */
export const RECORD_TARGET_BYTES = 64 * 1024;
/** Bytes read ahead by one `receive`. */
export const RECEIVE_BYTES = 1024 * 1024;
/** A waiting `receive` looks anew after this time even if nothing told it to. */
export const WAIT_MS = 5_000;
/** Subscribers of one memory bus. */
export const MAX_SUBSCRIBERS = 1024;
/** Records read ahead by one `receive`: with full records this bounds what waits in memory to some thousand items. */
export const RECEIVE_RECORDS = 256;
/** Neighbouring references are read in one go over at most this much of their log. */
export const REFERENCE_SPAN_BYTES = 256 * 1024;
/** A record that is referred to is synced before; its writer's mark may come a moment later, and never so late. */
export const REFERENCE_WAIT_MS = 10_000;
export const REFERENCE_RETRY_MS = 20;
/** How much of a feed a restart may have to read to find its last upstream position. */
export const UPSTREAM_NOTE_BYTES = 1024 * 1024;
