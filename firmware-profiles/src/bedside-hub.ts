import { hundredths, item, tenths, whole } from './items.ts';
import type { FirmwareProfile } from './profile.ts';

/** Hub beside the bed: what staff or a cuff measure every few minutes to hours. All of it is charted. */
export const bedsideHub = {
  name: 'bedside-hub',
  class: 'C2',
  suite: 2,
  model: 'PulseSeal bedside hub, generation 1',
  epochMs: 3_600_000,
  segmentMs: 30_000,
  maxSegmentFrames: 1024,
  heartbeatMs: 5000,
  ackTimeoutMs: 300_000,
  spoolBytes: 4_194_304,
  byteBudgetPerHour: 600_000,
  scopes: [{ number: 1, category: 'vitals' }],
  streams: [
    {
      id: 1,
      name: 'blood pressure',
      scope: 1,
      streamClass: 1,
      padBytes: 32,
      items: [
        item('nibpSystolic', tenths, 0),
        item('nibpDiastolic', tenths, 0),
        item('nibpMean', hundredths, 0),
        item('abpSystolic', tenths, 0),
        item('abpDiastolic', tenths, 0),
        item('abpMean', hundredths, 0),
      ],
      charted: true,
    },
    {
      id: 2,
      name: 'temperature',
      scope: 1,
      streamClass: 1,
      padBytes: 16,
      items: [item('bodyTemperature', hundredths, 0)],
      charted: true,
    },
    {
      id: 3,
      name: 'oxygen',
      scope: 1,
      streamClass: 1,
      padBytes: 16,
      items: [
        item('oxygenInUse', whole, 0),
        item('inspiredOxygen', tenths, 0),
        item('mechanicalVentilation', whole, 0),
      ],
      charted: true,
    },
    {
      id: 4,
      name: 'consciousness',
      scope: 1,
      streamClass: 1,
      padBytes: 16,
      items: [item('consciousness', whole, 0), item('glasgowComaScore', whole, 0)],
      charted: true,
    },
  ],
} as const satisfies FirmwareProfile;
