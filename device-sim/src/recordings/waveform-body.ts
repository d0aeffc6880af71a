import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import { chestStrap, codes, wristBand } from '@pulseseal/firmware-profiles';
import type { Body, BodyDevice } from '../bodies/body.ts';
import { createRecordedDevice } from './recorded-device.ts';
import { createResampler } from './resample.ts';

/** A recorded waveform in physical units; `at` gives NaN for what was not measured. */
export interface RecordedSignal {
  readonly name: string;
  readonly units: string;
  readonly rateHz: number;
  readonly length: number;
  at(index: number): number;
}

const leadOrder = ['II', 'MLII', 'I', 'MLI', 'III', 'MLIII', 'AVF', 'AVR', 'AVL'];
const isEcg = (name: string): boolean =>
  leadOrder.includes(name) || /^(ML)?I{1,3}$|^AV[RLF]$|^V\d?$|^MCL\d?$|^ECG\d?$/.test(name);
const isPleth = (name: string): boolean => /^(PLETH|PPG|PLETHR|PLETHL)$/.test(name);

const leadCode = (name: string): number => {
  if (name === 'II' || name === 'MLII') return codes.ecgLeadII;
  return name === 'I' || name === 'MLI' ? codes.ecgLeadI : codes.ecgLead;
};

/**
 * The body of a waveform recording: its best ECG lead on a strap whose card names that lead, its pleth on a band.
 * Channels that no stream of a profile carries are left out and named in the notes.
 */
export function waveformBody(record: string, signals: readonly RecordedSignal[], comments: readonly string[]): Body {
  const named = signals.map((signal) => ({ ...signal, at: signal.at, name: signal.name.toUpperCase() }));
  const leads = named.filter((signal) => isEcg(signal.name) && microvolts(signal.units) !== undefined);
  const lead = [...leads].sort((a, b) => rank(a.name) - rank(b.name))[0];
  const pleth = named.find((signal) => isPleth(signal.name));
  const devices: BodyDevice[] = [];
  if (lead !== undefined) devices.push(strap(lead));
  if (pleth !== undefined) devices.push(replay(wristBand, codes.pleth, pleth, 1));
  const left = named.filter((signal) => signal !== lead && signal !== pleth).map((signal) => signal.name);
  return {
    name: `record-${record}`,
    patient: `Recording ${record}`,
    record,
    devices,
    notes: [
      ...(left.length > 0 ? [`left out, no profile stream carries them: ${left.join(', ')}`] : []),
      ...comments.filter((comment) => comment !== ''),
    ],
  };
}

const rank = (name: string): number => {
  const place = leadOrder.indexOf(name);
  return place < 0 ? leadOrder.length : place;
};

function strap(lead: RecordedSignal): BodyDevice {
  const code = leadCode(lead.name);
  return replay(withLead(chestStrap, code), code, lead, microvolts(lead.units)!);
}

/** The profile with its ECG item named as the lead that was recorded, so that the card does not claim lead I. */
function withLead(profile: FirmwareProfile, code: number): FirmwareProfile {
  const names = new Map<number, string>([
    [codes.ecgLead, 'ECG'],
    [codes.ecgLeadII, 'ECG lead II'],
  ]);
  return {
    ...profile,
    streams: profile.streams.map((stream) => ({
      ...stream,
      items: stream.items.map((item) =>
        item.code === codes.ecgLeadI ? { ...item, code, name: names.get(code) ?? item.name } : item,
      ),
    })),
  };
}

function replay(profile: FirmwareProfile, code: number, signal: RecordedSignal, factor: number): BodyDevice {
  const stream = profile.streams.find((each) => each.items.some((item) => item.code === code))!;
  const rateHz = stream.items[0]!.rateMilliHz / 1000;
  const resampled = createResampler(signal, signal.rateHz, rateHz);
  const channel = { length: resampled.length, at: (index: number) => factor * resampled.at(index) };
  const endMs = Math.ceil((signal.length * 1000) / signal.rateHz);
  return createRecordedDevice(profile, { waveforms: [{ stream: stream.id, channels: [channel] }] }, endMs);
}

/** Microvolts of one unit, or undefined when the signal is no voltage. */
function microvolts(units: string): number | undefined {
  return { uv: 1, mv: 1000, v: 1_000_000 }[units.toLowerCase()];
}

/** True when a signal of that name goes to a device. */
export function isCarried(name: string): boolean {
  const upper = name.toUpperCase();
  return isEcg(upper) || isPleth(upper);
}
