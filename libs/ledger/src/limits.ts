/** Every bound of this package, with its reason. */

/** A block is cut after so many calls: about 5 ms of signature checks on one core. */
export const MAX_BLOCK_CALLS = 32;
/** Or when its record would pass this. One call alone may be larger (two closes and an act over them, 160 kB): below the log's 256 KiB. */
export const MAX_BLOCK_BYTES = 64 * 1024;
/** Or so long after its first call: short beside the anchoring period of 10 s, long enough to share one disk sync. */
export const DEFAULT_BLOCK_DELAY_MS = 50;
/** Calls that wait for a block; beyond it callers are told to come again. */
export const MAX_WAITING_CALLS = 1024;
/** Signature checks in flight while the chain is read at the start: keeps the thread pool busy, memory flat. */
export const MAX_VERIFY_IN_FLIGHT = 64;
/** Events of one answer; a page ends at a block's end, so one block more may come. */
export const MAX_PAGE_EVENTS = 256;
/** A body carries one call: arguments, an act over them, side inputs. */
export const MAX_BODY_BYTES = 256 * 1024;
/** Answers carry at most one block (its record stays below the log's 256 KiB) or one page of events. */
export const MAX_ANSWER_BYTES = 1024 * 1024;
/** Services of one site: gateway, agents, processors, one event poll each. */
export const MAX_CONNECTIONS = 128;
/** A long poll is answered empty after this time, below every idle timeout. */
export const MAX_POLL_MS = 20_000;
/** A head or body that trickles in longer is cut. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** A client asks again after this; a block takes 50 ms and a disk sync. */
export const DEFAULT_ANSWER_TIMEOUT_MS = 10_000;
/** Connections of one client beside its event polls. */
export const CLIENT_SOCKETS = 8;
/** Calls of one client that wait for an answer. */
export const MAX_CLIENT_CALLS = 1024;
/** Disputes of one reporter that wait for the ledger: each is a device or a copy of it that lies. */
export const MAX_WAITING_DISPUTES = 256;
export const DISPUTE_RETRY_MS = 15_000;
