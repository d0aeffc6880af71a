import type { CryptoProvider } from '@pulseseal/crypto';
import type { CoseKey, Open, Signed } from '@pulseseal/protocol';
import type { Clock, Logger } from '@pulseseal/runtime';
import type { Bans } from './bans.ts';
import type { Beacons } from './beacons.ts';
import type { Bucket } from './buckets.ts';
import type { Catalogue, EpochRow } from './catalogue.ts';
import type { ControlLink } from './control.ts';
import type { DeviceTable } from './devices.ts';
import type { EdgeBook } from './edge-book.ts';
import type { Forwarder } from './forward.ts';
import type { Identity } from './identity.ts';
import type { Alarm, Instruments } from './instruments.ts';
import type { Journal } from './journal.ts';
import type { LedgerView } from './ledger-view.ts';
import type { PaperLimits } from './paper-limits.ts';
import type { Broker } from './ports.ts';
import type { Projection } from './projection.ts';
import type { GatewaySettings } from './settings.ts';
import type { ClientSession, DeviceState, EpochState, ManifestView } from './state.ts';

/** What the steps share: the gateway's inner parts, made once per start. */
export interface Border {
  readonly settings: GatewaySettings;
  readonly identity: Identity;
  readonly crypto: CryptoProvider;
  readonly wall: Clock;
  readonly data: Clock;
  readonly logger: Logger;
  readonly instruments: Instruments;
  readonly journal: Journal;
  readonly catalogue: Catalogue;
  readonly projection: Projection;
  readonly beacons: Beacons;
  readonly devices: DeviceTable;
  readonly forward: Forwarder;
  readonly control: ControlLink;
  readonly ledger: LedgerView;
  readonly broker: Broker;
  readonly sessions: Map<string, ClientSession>;
  readonly slowLane: Bucket;
  readonly paperLimits: PaperLimits;
  readonly bans: Bans;
  readonly book: EdgeBook;
  /** Counted without a label lookup; given to the instruments once in a while. */
  readonly counts: { readonly frames: [number, number, number, number] };
  /** One signature check, on the thread pool unless `poolVerifications` is 0; bounded in flight. @throws Refusal rate */
  verify(signed: Signed, key: CoseKey): Promise<boolean>;
  /** The device's signature key. @throws Refusal not-endorsed */
  keyOf(device: DeviceState): Promise<CoseKey>;
  alarm(name: Alarm, device: string): void;
  hasKeysStill(device: DeviceState, epochId: number): boolean;
  /** In memory, or read back without keys. @throws Refusal unknown-epoch */
  anyEpoch(device: DeviceState, eh: Uint8Array): Promise<EpochState>;
  /** A manifest of this device that was published here. */
  manifestOf(device: DeviceState, hash: Uint8Array): Promise<ManifestView | undefined>;
  /** Gives the recipients a new epoch: what goes before it, then the opening. */
  introduce(epoch: EpochState, open: Open, openBytes: Uint8Array): Promise<void>;
  /** The evidence log has grown. */
  grown(): void;
  /** The epoch has a segment that lacks something: it is asked for. */
  incomplete(epoch: EpochState): void;
  /** Receipt of an entry under the newest head. */
  receipt(entry: number): Uint8Array | undefined;
  leavesOf(epoch: EpochRow, first: number, count: number): Promise<Uint8Array[] | undefined>;
  /** A grant of the device's owner goes on to its recipient. @throws Refusal topic-denied */
  passGrant(session: ClientSession, rid: string, bytes: Uint8Array): Promise<void>;
  reportDispute(epoch: EpochState, segment: number): void;
  /** Marks an epoch whose durable state moved: its device gets a progress within a second. */
  moved(epoch: EpochState): void;
}
