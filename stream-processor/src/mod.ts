export { type AcceptedEpoch, acceptEpoch, type EpochPapers } from './accept.ts';
export { ledgerView } from './adapters/ledger-view.ts';
export { openFileStateStore } from './adapters/state-file.ts';
export { createMemoryStateStore } from './adapters/state-memory.ts';
export type { ProcessorTotals } from './counts.ts';
export { type DisclosureInput, disclose } from './disclose.ts';
export { type EpochRecord, parseRecord, recordName } from './epoch-record.ts';
export type { ProcessorFailureCode } from './failures.ts';
export { type FeedTopic, feedTopic, parseFeedTopic } from './feed-topic.ts';
export { limits as processorLimits } from './limits.ts';
export type {
  Feed,
  FeedMessage,
  LedgerView,
  PatientDirectory,
  ProcessorPorts,
  Sink,
  StateStore,
  ToEdge,
} from './ports.ts';
export { createStreamProcessor, type StreamProcessor } from './processor.ts';
export { createRangeSet, type RangeSet } from './ranges.ts';
export {
  type Invitation,
  loadRecipientIdentity,
  PREKEY_GRACE_MS,
  PREKEY_LIFE_MS,
  prekeyName,
  type RecipientIdentity,
} from './recipient-identity.ts';
export { type RecentValue, type ScreeningContext, type SensorState, screen } from './screening.ts';
export { type ProcessorSettings, processorSettings, settingsTable } from './settings.ts';
