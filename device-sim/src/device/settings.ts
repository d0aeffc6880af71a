import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import type { ClockSource } from '@pulseseal/protocol';
import { deviceLimits } from './limits.ts';

/** What a maker fixes for one device. Durations in wall milliseconds. */
export interface DeviceSettings {
  readonly profile: FirmwareProfile;
  /** Streams that are really fed, out of the profile's; all of them when absent. */
  readonly streams?: readonly number[];
  readonly epochMs: number;
  readonly segmentMs: number;
  /** K: frames of a segment at most. */
  readonly maxSegmentFrames: number;
  readonly heartbeatMs: number;
  readonly ackTimeoutMs: number;
  readonly spoolBytes: number;
  readonly windowFrames: number;
  /** Where the device has its time from; 2 = phone. */
  readonly clockSource: ClockSource;
  /** On loopback a PUBACK may count although the link has no TLS (SPEC clause CTL-3). */
  readonly trustLoopbackPuback: boolean;
  /** Puts all leaves into each close: for links without a return path. */
  readonly inlineLeaves: boolean;
}

/** Settings out of a profile; `overrides` for tests, benches and other ways of running. */
export function deviceSettings(profile: FirmwareProfile, overrides: Partial<DeviceSettings> = {}): DeviceSettings {
  return {
    profile,
    epochMs: profile.epochMs,
    segmentMs: profile.segmentMs,
    maxSegmentFrames: profile.maxSegmentFrames,
    heartbeatMs: profile.heartbeatMs,
    ackTimeoutMs: profile.ackTimeoutMs,
    spoolBytes: profile.spoolBytes,
    windowFrames: deviceLimits.windowFrames,
    clockSource: 2,
    trustLoopbackPuback: false,
    inlineLeaves: false,
    ...overrides,
  };
}
