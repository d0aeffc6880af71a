export type { EpochAccount } from './account.ts';
export { type AedesBrokerSettings, createAedesBroker } from './adapters/broker-aedes.ts';
export { openSqliteCatalogue } from './adapters/catalogue-sqlite.ts';
export { createBusFeed, JOURNAL_LOG } from './adapters/feed-bus.ts';
export { createMqttFeed } from './adapters/feed-mqtt.ts';
export { createEmbeddedStore } from './adapters/store-embedded.ts';
export { type InfluxStoreSettings, openInfluxStore } from './adapters/store-influx.ts';
export type { Catalogue } from './catalogue.ts';
export {
  type EvidenceReader,
  type EvidenceReaderSettings,
  type FrameEvidence,
  type LogEvidence,
  openEvidenceReader,
} from './evidence-reader.ts';
export { GATEWAY_FAILURES, type GatewayFailureCode } from './failures.ts';
export { FLOW } from './flow.ts';
export { createGateway, type Gateway, type GatewayAddress } from './gateway.ts';
export { type GatewayTls, type Identity, loadIdentity, loadTls } from './identity.ts';
export { type JournalRecord, PREFIX_BYTES, parseRecord, RECORD } from './journal-record.ts';
export type * from './ports.ts';
export { type GatewaySettings, gatewaySettings, SETTINGS } from './settings.ts';
export type { CiphertextStore, StoredRow, StoreQuery } from './store/port.ts';
