import type { DeviceLink, LinkHandlers } from '../device/ports.ts';

/** A broker in one process: exact topics, retained messages, and an admission hook that stands for the gateway. */
export interface MemoryBroker {
  link(): DeviceLink;
  /** Resolves = PUBACK, throws = refused without PUBACK. */
  onPublish(handler: (clientId: string, topic: string, bytes: Uint8Array) => Promise<void> | void): void;
  onSession(handler: (clientId: string, up: boolean) => void): void;
  publish(topic: string, bytes: Uint8Array, retain?: boolean): void;
  /** Drops every connection, as a restart does; links come back when `accepting`. */
  setAccepting(accepting: boolean): void;
}

interface Session {
  readonly clientId: string;
  readonly handlers: LinkHandlers;
  readonly topics: Set<string>;
  up: boolean;
}

export function createMemoryBroker(tlsSpkiHash?: Uint8Array): MemoryBroker {
  const sessions = new Set<Session>();
  const retained = new Map<string, Uint8Array>();
  let accepting = true;
  let admit: (clientId: string, topic: string, bytes: Uint8Array) => Promise<void> | void = () => {};
  let onSession: (clientId: string, up: boolean) => void = () => {};
  const raise = (session: Session) => {
    if (!accepting || session.up || !sessions.has(session)) return;
    session.up = true;
    onSession(session.clientId, true);
    session.handlers.up();
  };
  const fall = (session: Session, reason: string) => {
    if (!session.up) return;
    session.up = false;
    session.topics.clear();
    onSession(session.clientId, false);
    session.handlers.down(reason);
  };
  return {
    onPublish(handler) {
      admit = handler;
    },
    onSession(handler) {
      onSession = handler;
    },
    publish(topic, bytes, retain = false) {
      if (retain) retained.set(topic, bytes);
      for (const session of sessions) {
        if (session.up && session.topics.has(topic))
          queueMicrotask(() => session.up && session.handlers.message(topic, bytes));
      }
    },
    setAccepting(next) {
      accepting = next;
      for (const session of [...sessions]) {
        if (next) queueMicrotask(() => raise(session));
        else fall(session, 'broker away');
      }
    },
    link(): DeviceLink {
      let session: Session | undefined;
      return {
        connect(login, handlers) {
          login.password(undefined);
          const mine: Session = { clientId: login.clientId, handlers, topics: new Set(), up: false };
          session = mine;
          sessions.add(mine);
          queueMicrotask(() => raise(mine));
        },
        async disconnect() {
          if (session === undefined) return;
          sessions.delete(session);
          fall(session, 'disconnected');
          session = undefined;
        },
        async subscribe(topics) {
          const mine = session;
          if (mine === undefined || !mine.up) throw new Error('link is down');
          for (const topic of topics) {
            mine.topics.add(topic);
            const kept = retained.get(topic);
            if (kept !== undefined) queueMicrotask(() => mine.up && mine.handlers.message(topic, kept));
          }
        },
        async publish(topic, bytes, qos) {
          const mine = session;
          if (mine === undefined || !mine.up) throw new Error('link is down');
          const admitted = admit(mine.clientId, topic, bytes);
          if (qos === 0) {
            if (admitted instanceof Promise) admitted.catch(() => {});
            return;
          }
          await admitted;
          if (!mine.up) throw new Error('link fell');
        },
        tlsSpkiHash: () => (session?.up === true ? tlsSpkiHash : undefined),
      };
    },
  };
}
