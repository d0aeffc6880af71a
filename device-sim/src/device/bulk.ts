import { encodeBulk, encodeOpening } from '@pulseseal/protocol';
import type { Clock } from '@pulseseal/runtime';
import { deviceLimits } from './limits.ts';
import { closeToSend, type SpoolEpoch } from './spool-epoch.ts';

/**
 * Older and offline epochs, as whole messages inside MACed control messages of the live epoch (mt 8). Freed by `progress`
 * alone: a PUBACK says that the bulk came, not that each message in it was taken.
 */
export interface Bulk {
  pump(): void;
  tick(): void;
  reset(): void;
  /** Whether anything of this epoch went by bulk in the live epoch: only then may `progress` name it. */
  wentUp(epoch: SpoolEpoch): boolean;
  /** A new live epoch carries what follows. */
  renew(): void;
}

export interface BulkHooks {
  /** A live, accepted epoch and a link. */
  isReady(): boolean;
  /** Oldest first: owed epochs that must go by bulk. */
  epochs(): readonly SpoolEpoch[];
  publish(content: Uint8Array): Promise<void>;
}

export type BulkPart =
  | { readonly kind: 'opening' }
  | { readonly kind: 'close'; readonly sg: number }
  | { readonly kind: 'frame'; readonly seq: number };

interface Unit {
  readonly epoch: SpoolEpoch;
  readonly part: BulkPart;
  readonly key: string;
  readonly messages: readonly Uint8Array[];
}

interface Batch {
  readonly units: readonly Unit[];
  dueMs: number;
}

/** Heads of a message inside the array. */
const perMessageBytes = 5;

export function createBulk(wall: Clock, hooks: BulkHooks): Bulk {
  const sent = new Map<string, Batch>();
  const inFlight = new Set<Batch>();
  const named = new Set<string>();
  let generation = 0;
  let tries = 0;

  const nextBatch = (): Unit[] => {
    const units: Unit[] = [];
    let bytes = 0;
    for (const epoch of hooks.epochs()) {
      for (const unit of unitsOf(epoch)) {
        if (sent.has(unit.key)) continue;
        const size = unit.messages.reduce((sum, message) => sum + message.length + perMessageBytes, 0);
        if (units.length > 0 && bytes + size > deviceLimits.maxBulkBytes) return units;
        units.push(unit);
        bytes += size;
      }
      // One epoch after the other: its frames are checked against closes that must be there first.
      if (units.length > 0) return units;
    }
    return units;
  };
  const send = (units: Unit[]) => {
    const batch: Batch = { units, dueMs: wall.monotonicMs() + deviceLimits.publishTimeoutMs * 2 };
    const mine = generation;
    inFlight.add(batch);
    for (const unit of units) {
      sent.set(unit.key, batch);
      named.add(unit.epoch.eh);
    }
    hooks.publish(encodeBulk(units.flatMap((unit) => unit.messages))).then(
      () => {
        if (mine !== generation || !inFlight.delete(batch)) return;
        tries = 0;
        batch.dueMs = wall.monotonicMs() + deviceLimits.progressTimeoutMs;
        pump();
      },
      () => {
        if (mine === generation) forget(batch);
      },
    );
  };
  const forget = (batch: Batch) => {
    inFlight.delete(batch);
    for (const unit of batch.units) sent.delete(unit.key);
  };
  const pump = () => {
    while (hooks.isReady() && inFlight.size < deviceLimits.maxBulkInFlight) {
      // What an opening introduces must wait until it has arrived.
      if ([...inFlight].some((batch) => batch.units.some((unit) => unit.part.kind !== 'frame'))) return;
      const units = nextBatch();
      if (units.length === 0) return;
      send(units);
    }
  };
  return {
    pump,
    tick() {
      const nowMs = wall.monotonicMs();
      for (const batch of new Set(sent.values())) {
        if (batch.dueMs > nowMs) continue;
        forget(batch);
        tries++;
      }
      if (tries < 100) pump();
    },
    reset() {
      generation++;
      sent.clear();
      inFlight.clear();
    },
    wentUp: (epoch) => named.has(epoch.eh),
    renew() {
      generation++;
      sent.clear();
      inFlight.clear();
      named.clear();
      tries = 0;
    },
  };
}

/** In the order of SPEC clause EPOCH-9: opening and keys, closes, frames. */
function* unitsOf(epoch: SpoolEpoch): Generator<Unit> {
  if (!epoch.accepted && epoch.open !== undefined) {
    const keys = epoch.keys === undefined ? [] : [epoch.keys];
    yield {
      epoch,
      part: { kind: 'opening' },
      key: `${epoch.eh}o`,
      messages: [encodeOpening(epoch.open), ...keys],
    };
  }
  for (const sg of epoch.openCloses) {
    const close = closeToSend(epoch, sg);
    if (close !== undefined) yield { epoch, part: { kind: 'close', sg }, key: `${epoch.eh}c${sg}`, messages: [close] };
  }
  for (const frame of epoch.frames.values())
    yield { epoch, part: { kind: 'frame', seq: frame.seq }, key: `${epoch.eh}f${frame.seq}`, messages: [frame.raw] };
}
