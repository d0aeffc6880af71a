/** Bounds that no operator changes, with their reason. */

/** Any message (SPEC clause ENC-6). */
export const MAX_MESSAGE_BYTES = 192 * 1024;
/** Content of a bulk (SPEC clause ENC-6). */
export const MAX_BULK_BYTES = 64 * 1024;
/** CONNECT with the largest password (suite 2: two signatures and two keys, about 11 kB) and room for names. */
export const MAX_CONNECT_BYTES = 16 * 1024;
/** MQTT header, topic and packet id around the largest message. */
export const MAX_PACKET_BYTES = MAX_MESSAGE_BYTES + 512;
/** Longest topic of the protocol has 32 characters; a ledger of names needs no more. */
export const MAX_TOPIC_CHARACTERS = 64;
/** SUBSCRIBE: a recipient with all patients of a large ward. */
export const MAX_SUBSCRIPTIONS = 3_000;
/** Frames that wait for their open, a device. */
export const MAX_EARLY_FRAMES = 64;
/** What is full empties within a second or two: early frames, a disk's queue, the wait that a `rate` names. */
export const RATE_WAIT_MS = 1_000;
/** Epochs with keys in memory, a device. */
export const MAX_LIVE_EPOCHS = 2;
/** Epochs of a device that come by bulk at a time: enough for one being read while another ends. */
export const MAX_BULK_EPOCHS = 2;
/** Incomplete segments of a device in memory. */
export const MAX_OPEN_SEGMENTS = 64;
/** Frames known by their leaf alone that may still come late, an epoch: one segment's worth. */
export const MAX_GONE_LEAVES = 4_096;
/** Nacks of a segment before only reconnecting asks again. */
export const MAX_NACKS = 10;
/** A record that found the log full is tried again so much later: some of its group commits. */
export const LOG_FULL_RETRY_MS = 100;
/** Ranges named in one nack or progress: a device answers the first ones and is asked again. */
export const MAX_RANGES = 64;
/** Signature checks on the thread pool at a time: more would only delay disk calls that share it. */
export const MAX_VERIFICATIONS = 4;
/** Signature checks that wait; beyond it a message is refused with `rate`. */
export const MAX_WAITING_VERIFICATIONS = 4_096;
/** Frames of one row of the index. */
export const BLOCK_FRAMES = 256;
/** An open row that so many commits brought nothing new goes out of memory: five to ten minutes, longer than any heartbeat. */
export const IDLE_COMMITS = 300;
/** `lost` answered a device, milliseconds apart. */
export const LOST_PERIOD_MS = 60_000;
/** Boot or epoch counters cannot exceed the integers of SPEC clause ENC-6. */
export const MAX_COUNTER = 2 ** 53 - 1;
/** Starts of a gateway: `n` = start x 2^32 + i must stay below 2^53 (SPEC clause CTL-2). */
export const MAX_STARTS = 2 ** 20 - 1;
/** Devices kept in memory without a session before the least recent ones are dropped. */
export const MAX_IDLE_DEVICES = 20_000;
/** Prekeys kept. */
export const MAX_PREKEYS = 4;
/** asks of a recipient: one a second and 4,096 frames a minute, a rid. */
export const ASK_PERIOD_MS = 1_000;
export const ASK_FRAMES_PER_MINUTE = 4_096;
/** racks of a recipient to one device: one a heartbeat for each of its live epochs, and what waited on a bus. */
export const RACKS_PER_S = 2;
export const RACKS_BURST = 16;
/** Pairs of recipient and device whose racks are counted, 100 B each; beyond it all begin anew. */
export const MAX_RACK_RATES = 65_536;
/** Endorsements and manifests of one owner: some devices, some changes of mind in an hour, not a loop. */
export const PAPERS_BURST = 64;
export const PAPERS_PER_S = 1 / 60;
/** Owners whose papers are counted. */
export const MAX_OWNERS = 10_000;
/** An endorsement that was followed by nothing for so long gives way to another owner's. */
export const UNUSED_ENDORSEMENT_MS = 600_000;
/** Identities remembered as banned; the oldest is forgotten first. */
export const MAX_BANS = 10_000;
/** Remote addresses whose limits are remembered: half a megabyte; the ceilings for all hold beyond it. */
export const MAX_ADDRESSES = 4_096;
/** Rows that one query of the store may answer. */
export const MAX_QUERY_ROWS = 10_000;
/** Openings or keys that a device may send in a burst, and how fast the right comes back: a reboot loop, not a flood. */
export const OPENS_BURST = 8;
export const OPENS_PER_S = 0.5;
