import type { Body } from '../bodies/body.ts';
import type { DeviceEpochAccount } from '../device/device.ts';
import type { DeviceSettings } from '../device/settings.ts';
import { fleetLimits } from './limits.ts';
import { createMember, type DrivenMember, type FleetMember } from './member.ts';
import type { FleetPorts } from './ports.ts';

export interface FleetSettings {
  readonly bodies: readonly Body[];
  /** Data time per wall time. */
  readonly speed: number;
  /** For all devices, over their profiles. */
  readonly device?: Partial<DeviceSettings>;
}

export interface FleetDeviceAccount {
  readonly name: string;
  /** `<dev>` text; undefined until claimed. */
  readonly device: string | undefined;
  readonly epochs: readonly DeviceEpochAccount[];
}

/** Distinct frames of every kind, by device, epoch and seq. */
export interface FleetAccount {
  readonly sent: number;
  /** The device holds a durable acknowledgement. */
  readonly acknowledged: number;
  readonly dropped: number;
  readonly refused: number;
  /** Still on a device. */
  readonly held: number;
  readonly devices: readonly FleetDeviceAccount[];
}

/** Many devices on many bodies in one process. */
export interface Fleet {
  readonly members: readonly FleetMember[];
  /** Starts every device; each body begins to live when its device is claimed and open. */
  start(): void;
  /** Bodies stop, last closes go out, spools empty, goodbye. False: something is still on a device (it stays there). */
  drain(timeoutMs: number): Promise<boolean>;
  account(): FleetAccount;
  /** Data time lived over wall time, averaged over the bodies that live: what the machine kept up with. */
  reachedSpeed(): number;
  /** Samples that no device took; 0 unless a body gives what its profile does not have. */
  refusedSamples(): number;
}

export function createFleet(ports: FleetPorts, settings: FleetSettings): Fleet {
  const members: DrivenMember[] = settings.bodies.flatMap((body, place) =>
    body.devices.map((sensors, i) =>
      createMember(memberName(place, i, sensors.profile.name), body, sensors, ports, settings.speed, {
        ...settings.device,
      }),
    ),
  );
  if (members.length > fleetLimits.maxMembers) throw new RangeError(`a fleet has at most ${fleetLimits.maxMembers}`);
  const beganMs = new Map<DrivenMember, number>();
  let cancelTick = () => {};
  let next = 0;
  let startedMs = 0;
  let stoppedMs: number | undefined;

  /** Goes round the members from where the last turn ended, so that a turn that runs out of time starves nobody. */
  const waiting = new Map(settings.bodies.map((body) => [body, members.filter((member) => member.body === body)]));
  const beginBodies = () => {
    if (waiting.size === 0) return;
    // What several devices measure of one person must share one origin, or their values drift apart in a fast run.
    const isLate = ports.wall.monotonicMs() - startedMs >= fleetLimits.beginTogetherMs;
    for (const [body, own] of waiting) {
      const ready = own.filter((member) => member.isReady);
      if (ready.length < own.length && !isLate) continue;
      for (const member of ready) member.begin(ports.data.nowMs());
      const late = own.filter((member) => !ready.includes(member));
      if (late.length === 0) waiting.delete(body);
      else waiting.set(body, late);
    }
  };
  const turn = () => {
    beginBodies();
    const endMs = ports.wall.monotonicMs() + fleetLimits.turnMs;
    let idle = 0;
    while (idle < members.length) {
      const member = members[next % members.length]!;
      next = (next + 1) % members.length;
      if (!beganMs.has(member) && member.device.state !== 'idle') beganMs.set(member, ports.wall.monotonicMs());
      if (member.isDue()) {
        member.pull();
        idle = 0;
      } else idle++;
      if (ports.wall.monotonicMs() >= endMs) return;
    }
  };
  return {
    members,
    start() {
      startedMs = ports.wall.monotonicMs();
      for (const member of members) member.device.start();
      cancelTick = ports.wall.every(fleetLimits.tickMs, turn);
    },
    async drain(timeoutMs) {
      cancelTick();
      stoppedMs = ports.wall.monotonicMs();
      const drained = await Promise.all(members.map((member) => member.device.stop(timeoutMs)));
      return drained.every(Boolean);
    },
    account() {
      const devices = members.map((member) => ({
        name: member.name,
        device: member.device.text,
        epochs: member.device.account(),
      }));
      const epochs = devices.flatMap((device) => device.epochs);
      const total = (pick: (epoch: DeviceEpochAccount) => number) => epochs.reduce((sum, e) => sum + pick(e), 0);
      return {
        sent: total((e) => e.sent),
        acknowledged: total((e) => countOf(e.acknowledged)),
        dropped: total((e) => countOf(e.dropped)),
        refused: total((e) => countOf(e.refused)),
        held: total((e) => e.held),
        devices,
      };
    },
    reachedSpeed() {
      const nowMs = stoppedMs ?? ports.wall.monotonicMs();
      const speeds = members
        .filter((member) => beganMs.has(member) && !member.hasEnded)
        .map((member) => member.livedMs / Math.max(1, nowMs - beganMs.get(member)!));
      return speeds.length === 0 ? settings.speed : speeds.reduce((sum, speed) => sum + speed, 0) / speeds.length;
    },
    refusedSamples: () => members.reduce((sum, member) => sum + member.refusedSamples, 0),
  };
}

function countOf(ranges: readonly (readonly [number, number])[]): number {
  return ranges.reduce((sum, [, count]) => sum + count, 0);
}

/** Stable over restarts of the same circle; a file name. */
function memberName(place: number, device: number, profile: string): string {
  return `${String(place).padStart(4, '0')}-${device}-${profile}`;
}
