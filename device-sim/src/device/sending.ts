import { CTL, sealCtl } from '@pulseseal/protocol';
import { type Bulk, createBulk } from './bulk.ts';
import { type Control, createControl } from './control.ts';
import type { Identity } from './identity.ts';
import { deviceLimits } from './limits.ts';
import type { LinkedEpochs } from './link-keys.ts';
import type { DevicePorts } from './ports.ts';
import { createRepairs, type Repairs } from './repairs.ts';
import type { DeviceSettings } from './settings.ts';
import type { Spool } from './spool.ts';
import { closeToSend, isOwed, type SpoolEpoch } from './spool-epoch.ts';
import { same } from './trust.ts';
import { createUplink, type Uplink, type UplinkItem } from './uplink.ts';

/** The ways out of the spool: frames and closes by themselves, the rest by control message or bulk. */
export interface Sending {
  readonly uplink: Uplink;
  readonly control: Control;
  readonly bulk: Bulk;
  readonly repairs: Repairs;
  /** Its frames go up by themselves; what does not goes by bulk. */
  goesDirect(epoch: SpoolEpoch): boolean;
  /** The link is there again: what is owed goes up, oldest first. */
  up(): void;
  down(): void;
  tick(): void;
}

export function createSending(
  ports: Pick<DevicePorts, 'wall' | 'random' | 'link'> & {
    readonly identity: Identity;
    readonly spool: Spool;
    readonly links: LinkedEpochs;
    readonly isUp: () => boolean;
  },
  settings: Pick<DeviceSettings, 'trustLoopbackPuback' | 'windowFrames'>,
): Sending {
  const { wall, link, identity, spool, links, isUp } = ports;
  const publish = (channel: 'o' | 'u' | 'c', bytes: Uint8Array) => link.publish(identity.topic(channel), bytes, 1);
  const goesDirect = (epoch: SpoolEpoch): boolean =>
    !epoch.offline &&
    !links.isByBulkOnly(epoch.eh) &&
    links.carrierOf(epoch) !== undefined &&
    (epoch.accepted || epoch === links.current?.spool);
  const countsPuback = (): boolean => {
    if (settings.trustLoopbackPuback) return true;
    const expected = links.current?.keys.plan.beacon?.body.tlsSpkiHash;
    const actual = link.tlsSpkiHash();
    return expected != null && actual !== undefined && same(expected, actual);
  };
  const uplink = createUplink(wall, {
    isUp,
    window: () => Math.min(settings.windowFrames, deviceLimits.windowFrames),
    isOwed: ({ epoch, kind, number }) => (kind === 'frame' ? epoch.frames.has(number) : epoch.openCloses.has(number)),
    countsPuback,
    publish(item) {
      if (!goesDirect(item.epoch)) return undefined;
      if (item.kind === 'frame') return publish('u', item.epoch.frames.get(item.number)!.raw);
      const carrier = links.carrierOf(item.epoch);
      const close = closeToSend(item.epoch, item.number);
      const key = carrier?.keys.link?.up;
      if (carrier === undefined || key === undefined || close === undefined) return undefined;
      return publish('c', sealCtl(CTL.close, carrier.keys.oh, ++carrier.n, close, key));
    },
    acknowledged({ epoch, kind, number }) {
      if (kind === 'frame') spool.acknowledge(epoch, [[number, 1]], 0);
      else spool.acknowledgeClose(epoch, number);
    },
  });
  const control = createControl(ports, { isUp, publish });
  const mayCarry = () => isUp() && links.current?.spool.accepted === true;
  const bulk = createBulk(wall, {
    isReady: mayCarry,
    epochs: () => [...spool.epochs()].filter((e) => e !== links.current?.spool && isOwed(e) && !goesDirect(e)),
    publish: (content) => control.send(links.current!, CTL.bulk, content),
  });
  const repairs = createRepairs({
    isReady: mayCarry,
    send: (epoch, sg, ranges) => control.repair(links.current!, epoch, sg, ranges),
    countsPuback,
    acknowledged: (epoch, seqs) =>
      spool.acknowledge(
        epoch,
        seqs.map((seq) => [seq, 1] as const),
        0,
      ),
  });
  const owedItems = function* (): Generator<UplinkItem> {
    for (const epoch of spool.epochs()) {
      if (!goesDirect(epoch)) continue;
      const closes = [...epoch.openCloses].sort((a, b) => a - b);
      for (const frame of epoch.frames.values()) {
        while (closes.length > 0 && closes[0]! < frame.sg) yield { epoch, kind: 'close', number: closes.shift()! };
        yield { epoch, kind: 'frame', number: frame.seq };
      }
      for (const number of closes) yield { epoch, kind: 'close', number };
    }
  };
  return {
    uplink,
    control,
    bulk,
    repairs,
    goesDirect,
    up() {
      control.reopen();
      uplink.rebuild(owedItems());
      uplink.pump();
      bulk.reset();
      bulk.pump();
    },
    down() {
      uplink.reset();
      bulk.reset();
      control.reset();
    },
    tick() {
      control.tick();
      uplink.tick();
      bulk.tick();
      repairs.tick(wall.monotonicMs());
    },
  };
}
