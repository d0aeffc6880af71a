import { accelerationItems, ecgScale, item, oncePerMinute, oncePerSecond, whole } from './items.ts';
import type { FirmwareProfile } from './profile.ts';

/** ECG strap round the chest: lead I at 250 Hz, heart rate and RR each second, breathing each minute, motion. */
export const chestStrap = {
  name: 'chest-strap',
  class: 'C1',
  suite: 1,
  model: 'PulseSeal chest strap, generation 1',
  epochMs: 3_600_000,
  segmentMs: 60_000,
  maxSegmentFrames: 1024,
  heartbeatMs: 5000,
  ackTimeoutMs: 300_000,
  spoolBytes: 8_388_608,
  byteBudgetPerHour: 4_800_000,
  scopes: [
    { number: 1, category: 'vitals' },
    { number: 2, category: 'waveform' },
    { number: 3, category: 'activity' },
  ],
  streams: [
    {
      id: 1,
      name: 'heart',
      scope: 1,
      streamClass: 1,
      padBytes: 24,
      items: [item('heartRate', whole, oncePerSecond), item('rrInterval', whole, oncePerSecond)],
      expectedIntervalMs: 1000,
      charted: false,
    },
    {
      id: 2,
      name: 'breathing',
      scope: 1,
      streamClass: 1,
      padBytes: 24,
      items: [item('respirationRate', whole, oncePerMinute)],
      expectedIntervalMs: 60_000,
      charted: false,
    },
    {
      id: 3,
      name: 'ecg',
      scope: 2,
      streamClass: 2,
      padBytes: 0,
      items: [item('ecgLeadI', ecgScale, 250_000, 250)],
      expectedIntervalMs: 1000,
      charted: false,
    },
    {
      id: 4,
      name: 'motion',
      scope: 3,
      streamClass: 2,
      padBytes: 0,
      items: accelerationItems,
      expectedIntervalMs: 1000,
      charted: false,
    },
  ],
} as const satisfies FirmwareProfile;
