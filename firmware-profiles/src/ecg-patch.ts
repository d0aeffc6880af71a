import { ecgScale, hundredths, item, oncePerMinute, oncePerSecond, whole } from './items.ts';
import type { FirmwareProfile } from './profile.ts';

/** Adhesive patch on the breastbone: lead II at 250 Hz for days, heart rate, breathing, skin temperature. */
export const ecgPatch = {
  name: 'ecg-patch',
  class: 'C1',
  suite: 1,
  model: 'PulseSeal ECG patch, generation 1',
  epochMs: 3_600_000,
  segmentMs: 60_000,
  maxSegmentFrames: 1024,
  heartbeatMs: 5000,
  ackTimeoutMs: 300_000,
  spoolBytes: 16_777_216,
  byteBudgetPerHour: 3_600_000,
  scopes: [
    { number: 1, category: 'vitals' },
    { number: 2, category: 'waveform' },
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
      name: 'breathing and skin',
      scope: 1,
      streamClass: 1,
      padBytes: 24,
      items: [item('respirationRate', whole, oncePerMinute), item('skinTemperature', hundredths, oncePerMinute)],
      expectedIntervalMs: 60_000,
      charted: false,
    },
    {
      id: 3,
      name: 'ecg',
      scope: 2,
      streamClass: 2,
      padBytes: 0,
      items: [item('ecgLeadII', ecgScale, 250_000, 250)],
      expectedIntervalMs: 1000,
      charted: false,
    },
  ],
} as const satisfies FirmwareProfile;
