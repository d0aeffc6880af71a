import { toHex } from '@pulseseal/crypto';
import {
  type Ask,
  encodeKeys,
  encodeLeaves,
  encodeOpening,
  encodeReceiptMessage,
  frameLeaf,
  parseCtl,
  parseFrame,
  parseMessage,
  parsePlain,
  parseRepair,
  parseSigned,
  type Rack,
  refuse,
} from '@pulseseal/protocol';
import type { Border } from '../border.ts';
import { type Bucket, createBucket } from '../buckets.ts';
import type { EpochRow } from '../catalogue.ts';
import { findEpoch } from '../epochs.ts';
import { ASK_FRAMES_PER_MINUTE, ASK_PERIOD_MS, MAX_RACK_RATES, RACKS_BURST, RACKS_PER_S } from '../limits.ts';
import type { DeviceState, EpochState, RecipientView } from '../state.ts';

/** Channel `a`: racks go on to the device as they are; asks are answered on `f` from the store. */
export interface RecipientDesk {
  /** @throws Refusal */
  receive(rid: string, bytes: Uint8Array): Promise<void>;
}

interface Rate {
  askMs: number;
  minuteMs: number;
  frames: number;
}

export function createRecipientDesk(border: Border): RecipientDesk {
  const rates = new Map<string, Rate>();
  /** By rid and device. */
  const racks = new Map<string, Bucket>();

  const epochOf = async (eh: Uint8Array): Promise<{ device: DeviceState; row: EpochRow }> => {
    const row = border.catalogue.epochByHash(eh);
    const name = row && border.catalogue.deviceByNumber(row.deviceNumber)?.name;
    const device = name === undefined ? undefined : await border.devices.load(name);
    if (row === undefined || device === undefined) refuse('unknown-epoch');
    return { device, row };
  };
  /** Of whom the device's owner lists, now or for this epoch: nobody else can make a tag that the device takes. */
  const forwardRack = async (rid: string, rack: Rack) => {
    const { device } = await epochOf(rack.eh);
    const epoch = findEpoch(device, rack.eh);
    const isReader = (r: RecipientView) => r.rid === rid && border.forward.mayRead(r);
    if (!epoch?.manifest.recipients.some(isReader) && !device.manifest?.recipients.some(isReader)) refuse('not-listed');
    takeRackRate(`${rid}/${device.number}`);
    border.control.raw(device, rack.raw);
  };
  const takeRackRate = (name: string) => {
    const bucket = racks.get(name) ?? createBucket(RACKS_PER_S, RACKS_BURST);
    if (racks.size >= MAX_RACK_RATES) racks.clear();
    racks.set(name, bucket);
    if (!bucket.take(border.wall.monotonicMs())) refuse('rate');
  };
  const takeRate = (rid: string): Rate => {
    const nowMs = border.wall.monotonicMs();
    const rate = rates.get(rid) ?? { askMs: Number.NEGATIVE_INFINITY, minuteMs: nowMs, frames: 0 };
    rates.set(rid, rate);
    if (nowMs - rate.askMs < ASK_PERIOD_MS) refuse('rate');
    rate.askMs = nowMs;
    if (nowMs - rate.minuteMs >= 60_000) {
      rate.minuteMs = nowMs;
      rate.frames = 0;
    }
    return rate;
  };
  const answer = async (rid: string, ask: Ask) => {
    const rate = takeRate(rid);
    const { device, row } = await epochOf(ask.eh);
    const epoch = await border.anyEpoch(device, ask.eh);
    // Whom the owner lists now may fetch what came before: it opens only with what a release of the owner holds.
    const reader =
      epoch.manifest.recipients.find((r, i) => r.rid === rid && epoch.wrapHashes[i] !== null) ??
      device.manifest?.recipients.find((r) => r.rid === rid);
    if (reader === undefined || !border.forward.mayRead(reader)) refuse('not-listed');
    const send = (message: Uint8Array, channel: 'f' | 'p' = 'f') =>
      border.forward.one(rid, channel, message, Math.round(border.data.nowMs()));
    if (ask.want === 4) await sendOpening(epoch, row, reader, send);
    if (ask.want === 3) await sendCloses(epoch, row, ask.sg, send);
    if (ask.want === 2) await sendFrames(row, reader, ask, rate, send);
    if (ask.want === 1) await sendLeaves(epoch, row, ask.sg, send);
    border.forward.flush();
  };
  type Send = (message: Uint8Array, channel?: 'f' | 'p') => void;

  const sendOpening = async (epoch: EpochState, row: EpochRow, reader: RecipientView, send: Send) => {
    const opening = parsePlain((await border.journal.read(row.position)).message, 'opening');
    const { body } = parseSigned(opening.open, 'open');
    if (epoch.device.endorseAt !== undefined) send((await border.journal.read(epoch.device.endorseAt)).message);
    send((await border.journal.read(epoch.manifest.position)).message);
    const beacon = body.beaconHash && (await border.beacons.byHash(body.beaconHash));
    if (beacon !== undefined) send(beacon.message);
    send(encodeOpening(opening.open));
    const wanted = epoch.wrapHashes[epoch.manifest.recipients.indexOf(reader)];
    for (const position of border.catalogue.keys(row.id)) {
      const { wraps } = parsePlain((await border.journal.read(position)).message, 'keys');
      for (const wrap of wraps) if (toHex(border.crypto.sha256(wrap)) === wanted) send(encodeKeys(epoch.eh, [wrap]));
    }
  };
  const sendCloses = async (epoch: EpochState, row: EpochRow, sg: number | null, send: Send) => {
    if (sg === null) {
      const receipt = row.entry === undefined ? undefined : border.receipt(row.entry);
      if (receipt !== undefined) send(encodeReceiptMessage(epoch.eh, null, receipt), 'p');
      return;
    }
    for (const close of border.catalogue.closes(row.id)) {
      if (close.segment !== sg || close.state === 'held') continue;
      send((await border.journal.read(close.position)).message);
      const receipt = close.entry === undefined ? undefined : border.receipt(close.entry);
      if (receipt !== undefined) send(encodeReceiptMessage(epoch.eh, sg, receipt), 'p');
    }
  };
  /** Of granted scopes only. */
  const streamsOf = async (row: EpochRow, reader: RecipientView): Promise<ReadonlySet<number>> => {
    const { open } = parsePlain((await border.journal.read(row.position)).message, 'opening');
    const { streams } = parseSigned(open, 'open').body;
    return new Set(streams.filter(({ scope }) => reader.scopes.includes(scope)).map(({ id }) => id));
  };
  const sendFrames = async (row: EpochRow, reader: RecipientView, ask: Ask, rate: Rate, send: Send) => {
    const streams = await streamsOf(row, reader);
    for (const { first, count } of ask.ranges) {
      for (const place of border.catalogue.frames(row.id, first, first + count)) {
        if (!streams.has(place.stream)) continue;
        if (rate.frames++ >= ASK_FRAMES_PER_MINUTE) refuse('rate');
        send((await border.journal.read(place.position)).message);
      }
    }
  };
  const sendLeaves = async (epoch: EpochState, row: EpochRow, sg: number | null, send: Send) => {
    for (const close of border.catalogue.closes(row.id)) {
      if ((sg !== null && close.segment !== sg) || close.state !== 'complete') continue;
      const leaves = await border.leavesOf(row, close.first, close.count);
      if (leaves !== undefined) send(encodeLeaves(epoch.eh, close.segment, close.first, leaves));
    }
  };

  return {
    async receive(rid, bytes) {
      const message = parseMessage(bytes.slice());
      if (message.kind === 'rack') {
        if (toHex(message.rid) !== rid) refuse('topic-mismatch');
        return forwardRack(rid, message);
      }
      if (message.kind !== 'ask') refuse('unknown-kind');
      return answer(rid, message);
    },
  };
}

/** The leaves of [first, first + count) from what is on disk: frames, repairs, inline leaves. */
export async function leavesFromStore(
  ports: Pick<Border, 'catalogue' | 'crypto'> & { readonly journal: Pick<Border['journal'], 'read'> },
  row: EpochRow,
  first: number,
  count: number,
): Promise<Uint8Array[] | undefined> {
  const { journal, catalogue, crypto } = ports;
  const found = new Map<number, Uint8Array>();
  for (const position of catalogue.repairs(row.id)) {
    for (const { seq, leaf } of parseRepair(parseCtl((await journal.read(position)).message).content).leaves)
      found.set(seq, leaf.slice());
  }
  for (const close of catalogue.closes(row.id)) {
    if (close.first !== first) continue;
    const { leaves } = parseSigned((await journal.read(close.position)).message, 'close').body;
    for (let i = 0; leaves !== undefined && i < count; i++) found.set(first + i, leaves.slice(i * 32, i * 32 + 32));
  }
  for (const place of catalogue.frames(row.id, first, first + count)) {
    const frame = parseFrame((await journal.read(place.position)).message);
    found.set(frame.seq, frameLeaf(frame, row.oh, crypto));
  }
  const out: Uint8Array[] = [];
  for (let seq = first; seq < first + count; seq++) {
    const leaf = found.get(seq);
    if (leaf === undefined) return undefined;
    out.push(leaf);
  }
  return out;
}
