import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import { chestStrap, codes, toValue, wristBand } from '@pulseseal/firmware-profiles';
import type { Body, BodyDevice } from '../bodies/body.ts';
import { RecordingRefused } from './failures.ts';
import { recordingLimits } from './limits.ts';
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

/** A signal that a stream could carry; `at` in the unit of its item, NaN also for what is far beyond a frame. */
interface Candidate extends RecordedSignal {
  readonly kind: 'ecg' | 'pleth';
  /** Samples that can be sent. */
  readonly present: number;
  /** Samples that are numbers and cannot. */
  readonly beyond: number;
}

/**
 * The body of a waveform recording: its best ECG lead on a strap whose card names that lead, its pleth on a band.
 * What is left out is named in the notes: channels that no stream of a profile carries, and samples that no frame holds.
 * @throws RecordingRefused when nothing is left
 */
export function waveformBody(record: string, signals: readonly RecordedSignal[], comments: readonly string[]): Body {
  const { minRateHz, maxRateHz } = recordingLimits;
  const notes: string[] = [];
  const usable: Candidate[] = [];
  const left: string[] = [];
  for (const signal of signals) {
    const one = candidate(signal);
    if (one === undefined) left.push(signal.name.toUpperCase());
    else if (one.present === 0) notes.push(`left out ${one.name}: it holds no sample that can be sent`);
    else if (one.rateHz < minRateHz || one.rateHz > maxRateHz)
      notes.push(
        `left out ${one.name}: ${Number(one.rateHz.toPrecision(6))} Hz; ${minRateHz} to ${maxRateHz} Hz are resampled`,
      );
    else usable.push(one);
  }
  const lead = usable.filter(({ kind }) => kind === 'ecg').sort((a, b) => rank(a.name) - rank(b.name))[0];
  const pleth = usable.find(({ kind }) => kind === 'pleth');
  left.push(...usable.filter((one) => one !== lead && one !== pleth).map(({ name }) => name));
  if (left.length > 0) notes.push(`left out, no profile stream carries them: ${left.join(', ')}`);
  for (const one of [lead, pleth])
    if (one !== undefined && one.beyond > 0)
      notes.push(`left out ${one.beyond} samples of ${one.name}: far beyond what a frame holds`);
  notes.push(...comments.filter((comment) => comment !== ''));
  const devices: BodyDevice[] = [];
  if (lead !== undefined) devices.push(strap(lead));
  if (pleth !== undefined) devices.push(replay(wristBand, codes.pleth, pleth));
  if (devices.length === 0) throw new RecordingRefused(record, ['nothing in it can be sent', ...notes].join('; '));
  return { name: `record-${record}`, patient: `Recording ${record}`, record, devices, notes };
}

function candidate(signal: RecordedSignal): Candidate | undefined {
  const name = signal.name.toUpperCase();
  const kind = isEcg(name) ? 'ecg' : 'pleth';
  const factor = kind === 'ecg' ? microvolts(signal.units) : 1;
  if (!(isEcg(name) || isPleth(name)) || factor === undefined) return undefined;
  const { scale } = kind === 'ecg' ? itemOf(chestStrap, codes.ecgLeadI) : itemOf(wristBand, codes.pleth);
  const most = recordingLimits.maxOverrange * Math.abs(toValue(scale, 32_767));
  let [present, beyond] = [0, 0];
  const at = (index: number): number => {
    const value = factor * signal.at(index);
    return Math.abs(value) <= most ? value : Number.NaN;
  };
  for (let i = 0; i < signal.length; i++) {
    if (!Number.isNaN(at(i))) present++;
    else if (!Number.isNaN(signal.at(i))) beyond++;
  }
  return { ...signal, name, kind, at, present, beyond };
}

const rank = (name: string): number => {
  const place = leadOrder.indexOf(name);
  return place < 0 ? leadOrder.length : place;
};

function strap(lead: Candidate): BodyDevice {
  const code = leadCode(lead.name);
  return replay(withLead(chestStrap, code), code, lead);
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

function replay(profile: FirmwareProfile, code: number, signal: Candidate): BodyDevice {
  const stream = profile.streams.find((each) => each.items.some((item) => item.code === code))!;
  const channel = createResampler(signal, signal.rateHz, stream.items[0]!.rateMilliHz / 1000);
  const endMs = Math.ceil((signal.length * 1000) / signal.rateHz);
  return createRecordedDevice(profile, { waveforms: [{ stream: stream.id, channels: [channel] }] }, endMs);
}

const itemOf = (profile: FirmwareProfile, code: number) =>
  profile.streams.flatMap((stream) => stream.items).find((item) => item.code === code)!;

/** Microvolts of one unit, or undefined when the signal is no voltage. */
function microvolts(units: string): number | undefined {
  return { uv: 1, mv: 1000, v: 1_000_000 }[units.toLowerCase()];
}

/** True when a signal of that name goes to a device. */
export function isCarried(name: string): boolean {
  const upper = name.toUpperCase();
  return isEcg(upper) || isPleth(upper);
}
