import { codeEntry, codes, profiles } from '@pulseseal/firmware-profiles';
import type { EpochStream, Item, OpenStream } from '@pulseseal/protocol';
import type { Context } from './context.ts';
import type { Epoch } from './epoch.ts';

/** Tells the twin what an epoch will send: a live one when it is accepted, and again when a card says more. */
export function announce(ctx: Context, epoch: Epoch): void {
  epoch.isAnnounced = true;
  const { open } = epoch;
  ctx.emit({
    kind: 'epoch',
    patient: epoch.patient,
    device: epoch.device,
    eh: epoch.ehHex,
    boot: open.boot,
    epoch: open.epoch,
    atMs: open.clock.t0Ms,
    heartbeatMs: open.heartbeatMs,
    segmentMs: open.segmentMs,
    deviceKind: deviceKind(epoch),
    streams: open.streams
      .filter((stream) => stream.id !== 0 && epoch.scopes.has(stream.scope))
      .map((stream) => describe(epoch, stream)),
    history: epoch.history,
  });
}

function itemsOf(epoch: Epoch, stream: OpenStream): readonly Item[] {
  return epoch.cards.get(stream.scope)?.card.streams.get(stream.id) ?? [];
}

function describe(epoch: Epoch, stream: OpenStream): EpochStream {
  const items = itemsOf(epoch, stream);
  const profileStream = profileOf(epoch)?.streams.find((known) => known.id === stream.id);
  const charted = items.length > 0 && items.every((item) => item.rateMilliHz === 0);
  const first = items.find((item) => item.rateMilliHz > 0);
  return {
    stream: stream.id,
    name: profileStream?.name ?? codeEntry(items[0]?.code ?? 0)?.name ?? `stream ${stream.id}`,
    codes: items.map((item) => item.code),
    streamClass: stream.streamClass,
    // `rateMilliHz` counts values or samples per 1,000 s; a frame holds `block` of them.
    expectedIntervalMs: first === undefined ? null : Math.round((first.block * 1_000_000) / first.rateMilliHz),
    charted,
  };
}

/** The shipped profiles whose streams could be these: the card says what a device is, not a name on the wire. */
function profilesOf(epoch: Epoch) {
  const own = epoch.open.streams.filter((stream) => itemsOf(epoch, stream).length > 0);
  if (own.length === 0) return [];
  return profiles.filter((profile) =>
    own.every((stream) => {
      const known = profile.streams.find((candidate) => candidate.id === stream.id);
      const items = itemsOf(epoch, stream);
      return known?.items.length === items.length && known.items.every((item, i) => isSame(item.code, items[i]!.code));
    }),
  );
}

const ecgLeads: ReadonlySet<number> = new Set([codes.ecgLead, codes.ecgLeadI, codes.ecgLeadII]);
/** Which lead a chest strap or patch gives depends on where it sits. */
const isSame = (a: number, b: number): boolean => a === b || (ecgLeads.has(a) && ecgLeads.has(b));

const profileOf = (epoch: Epoch) => profilesOf(epoch)[0];

/** Of several that fit none is claimed: what is measured names the device then. */
function deviceKind(epoch: Epoch): string {
  const fitting = profilesOf(epoch);
  if (fitting.length === 1) return fitting[0]!.name;
  const all = epoch.open.streams.flatMap((stream) => itemsOf(epoch, stream).map((item) => item.code));
  if (all.some((code) => ecgLeads.has(code))) return 'ecg-sensor';
  return fitting.length === 0 ? 'wearable' : 'motion-sensor';
}
