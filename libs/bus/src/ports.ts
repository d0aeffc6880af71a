/**
 * Ordered at-least-once messages between services. The promise is the weakest real one: every message in the order of
 * publishing, again after a restart without acknowledgement, refused when full. Repeating must be harmless to whoever
 * receives.
 */
export interface BusMessage {
  /** Rises strictly from message to message; the same for the same message when it comes again. */
  readonly position: number;
  readonly topic: string;
  readonly body: Uint8Array;
}

export interface BusPublisher {
  /** Resolves when the message is as durable as the adapter promises. Throws `bus-full` (retry later). */
  publish(topic: string, body: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export interface BusSubscriber {
  /** Up to `max` next messages; waits for the first one. Empty only when `signal` fires or on close. One call at a time. */
  receive(max: number, signal?: AbortSignal): Promise<readonly BusMessage[]>;
  /** All messages up to and including `position` are done and never come again. Cumulative, as durable as the adapter. */
  acknowledge(position: number): Promise<void>;
  close(): Promise<void>;
}
