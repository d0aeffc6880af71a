export { createMemoryBus, type MemoryBus, type MemoryBusSettings } from './adapters/bus-memory.ts';
export {
  type EmbeddedPublisher,
  type EmbeddedPublisherSettings,
  openEmbeddedPublisher,
  type PublishOptions,
  type ReferencePart,
} from './adapters/publisher-embedded.ts';
export {
  type EmbeddedSubscriberSettings,
  type LostMessage,
  openEmbeddedSubscriber,
} from './adapters/subscriber-embedded.ts';
export type { BusFailureCode } from './failures.ts';
export type { FeedItem, Reference } from './feed-record.ts';
export type { BusMessage, BusPublisher, BusSubscriber } from './ports.ts';
export type { ReferencedLog } from './resolver.ts';
