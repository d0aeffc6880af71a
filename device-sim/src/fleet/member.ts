import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import type { Clock } from '@pulseseal/runtime';
import type { Body, BodyDevice, Sample } from '../bodies/body.ts';
import { bodyLimits } from '../bodies/limits.ts';
import { createDevice, type Device } from '../device/device.ts';
import type { LocalLinkPort } from '../device/ports.ts';
import { type DeviceSettings, deviceSettings } from '../device/settings.ts';
import { createLocalPair } from '../link/local-pair.ts';
import { fleetLimits } from './limits.ts';
import type { FleetPorts } from './ports.ts';

/** One device on one body. */
export interface FleetMember {
  readonly name: string;
  readonly body: Body;
  readonly profile: FirmwareProfile;
  readonly device: Device;
  /** The agent's end of a fresh local link to the device. */
  connectAgent(): LocalLinkPort;
  /** Data time at which the body began to live, undefined before. */
  readonly originMs: number | undefined;
  /** Data time lived by the body, ms since it began. */
  readonly livedMs: number;
  readonly hasEnded: boolean;
}

export interface DrivenMember extends FleetMember {
  /** Whether a pull is due and would not overfill the device. */
  isDue(): boolean;
  pull(): void;
  /** The device can take samples. */
  readonly isReady: boolean;
  /** The body begins to live, at this data time. */
  begin(atMs: number): void;
  /** Samples the device did not take. */
  readonly refusedSamples: number;
}

export function createMember(
  name: string,
  body: Body,
  sensors: BodyDevice,
  ports: FleetPorts,
  speed: number,
  overrides: Partial<DeviceSettings>,
): DrivenMember {
  const { profile } = sensors;
  let originMs: number | undefined;
  let livedMs = 0;
  let refusedSamples = 0;
  let hasEnded = false;
  /** Data time of one pull, adapted to what the body gives. */
  let spanMs = 1_000;
  // The device lives in its body's time: under back-pressure both fall behind together and no stamp runs ahead.
  const nowMs = () => (originMs === undefined ? ports.data.nowMs() : originMs + livedMs);
  const own: Clock = { ...ports.data, nowMs, monotonicMs: nowMs };
  const device = createDevice(
    {
      link: ports.link(name),
      flash: ports.flash(name),
      wall: ports.wall,
      data: own,
      random: ports.random,
      crypto: ports.crypto,
      ...(ports.log === undefined ? {} : { log: ports.log }),
    },
    deviceSettings(profile, { streams: sensors.streams, ...overrides }),
    ports.factory(name, profile),
  );
  const targetMs = (): number => {
    if (originMs === undefined) return 0;
    const nowMs = ports.data.nowMs() - originMs;
    return sensors.endMs === undefined ? nowMs : Math.min(nowMs, sensors.endMs);
  };
  const give = (sample: Sample) => {
    const data =
      sample.kind === 'values' ? { values: sample.values } : { quality: sample.quality, samples: sample.samples };
    const urgent = sample.kind === 'values' && sample.urgent === true;
    const result = device.send(sample.stream, data, { atMs: originMs! + sample.atMs, urgent });
    if (result !== 'kept' && result !== 'pending') refusedSamples++;
  };
  return {
    name,
    body,
    profile,
    device,
    connectAgent() {
      const [deviceEnd, agentEnd] = createLocalPair();
      device.attach(deviceEnd);
      return agentEnd;
    },
    get originMs() {
      return originMs;
    },
    get livedMs() {
      return livedMs;
    },
    get hasEnded() {
      return hasEnded;
    },
    get refusedSamples() {
      return refusedSamples;
    },
    get isReady() {
      return device.state !== 'idle' && device.state !== 'orphan';
    },
    begin(atMs) {
      originMs ??= atMs;
    },
    isDue() {
      if (originMs === undefined || hasEnded || device.backlog >= fleetLimits.pressureFrames) return false;
      const target = targetMs();
      if (sensors.endMs !== undefined && target >= sensors.endMs) return true;
      return target - livedMs >= Math.min(spanMs, fleetLimits.pullMs * speed);
    },
    pull() {
      const toMs = Math.min(targetMs(), livedMs + Math.min(spanMs, bodyLimits.maxAdvanceMs));
      const before = livedMs;
      const samples = sensors.advance(toMs);
      device.setSensorState(sensors.state());
      for (const sample of samples) give(sample);
      livedMs = toMs;
      if (samples.length > 0) {
        const fit = ((toMs - before) * fleetLimits.samplesPerPull) / samples.length;
        spanMs = Math.max(100, Math.min(bodyLimits.maxAdvanceMs, (spanMs + fit) / 2));
      } else spanMs = Math.min(bodyLimits.maxAdvanceMs, spanMs * 2);
      if (sensors.endMs !== undefined && livedMs >= sensors.endMs) {
        hasEnded = true;
        // Nothing comes after a recording's end: last heartbeat with state 3, last close, goodbye.
        void device.stop(fleetLimits.endDrainMs);
      }
    },
  };
}
