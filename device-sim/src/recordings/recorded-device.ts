import type { FirmwareProfile, ProfileStream } from '@pulseseal/firmware-profiles';
import { frameSamples, missingSample, toInteger } from '@pulseseal/firmware-profiles';
import type { BlockSample, BodyDevice, ValuesSample } from '../bodies/body.ts';
import type { Feed } from '../bodies/schedule.ts';
import { createSchedule } from '../bodies/schedule.ts';

/** A recorded channel on the time grid of a profile item, in the item's unit; NaN = not measured. */
export interface Channel {
  readonly length: number;
  at(index: number): number;
}

/** One waveform stream of a recording: a channel for each item, in item order. */
export interface RecordedWaveform {
  readonly stream: number;
  readonly channels: readonly Channel[];
}

/** A device that replays what a recording holds, and nothing else. */
export function createRecordedDevice(
  profile: FirmwareProfile,
  content: { readonly waveforms?: readonly RecordedWaveform[]; readonly values?: readonly ValuesSample[] },
  endMs: number,
): BodyDevice {
  const { waveforms = [], values = [] } = content;
  const feeds = [
    ...waveforms.map((waveform) =>
      waveformFeed(profile.streams.find((s) => s.id === waveform.stream)!, waveform, endMs),
    ),
    valuesFeed(values),
  ];
  // Sparse recordings may be asked for days at once; a waveform is bounded by its own length.
  const schedule = createSchedule(feeds, Number.POSITIVE_INFINITY);
  const streams = new Set([...waveforms.map((waveform) => waveform.stream), ...values.map((sample) => sample.stream)]);
  return {
    profile,
    streams: [...streams].sort((a, b) => a - b),
    advance: schedule.advance,
    state: () => ({
      contact: true,
      worn: schedule.nowMs() >= endMs ? 'shutdown' : 'worn',
      batteryPercent: null,
    }),
    endMs,
  };
}

function valuesFeed(values: readonly ValuesSample[]): Feed {
  let next = 0;
  return {
    dueMs: () => values[next]?.atMs ?? Number.POSITIVE_INFINITY,
    take: () => values[next++],
  };
}

function waveformFeed(stream: ProfileStream, { channels }: RecordedWaveform, endMs: number): Feed {
  const { blockSamples, rateMilliHz } = stream.items[0]!;
  const periodMs = (blockSamples * 1_000_000) / rateMilliHz;
  const blocks = Math.ceil(Math.max(...channels.map((channel) => channel.length)) / blockSamples);
  let next = 0;
  // The last block is mostly shorter than a period; it comes at the recording's end.
  const dueMs = () => (next < blocks ? Math.min((next + 1) * periodMs, endMs) : Number.POSITIVE_INFINITY);
  return {
    dueMs,
    take() {
      const atMs = dueMs();
      return cutBlock(stream, channels, next++, atMs);
    },
  };
}

/** Block `index`, or undefined when nothing in it was measured. */
function cutBlock(
  stream: ProfileStream,
  channels: readonly Channel[],
  index: number,
  atMs: number,
): BlockSample | undefined {
  const samples = new Int16Array(frameSamples(stream)).fill(missingSample);
  let present = 0;
  stream.items.forEach((item, place) => {
    const channel = channels[place]!;
    const from = index * item.blockSamples;
    const count = Math.min(item.blockSamples, channel.length - from);
    for (let i = 0; i < count; i++) {
      const value = channel.at(from + i);
      if (Number.isNaN(value)) continue;
      samples[place * item.blockSamples + i] = Math.max(-32_767, Math.min(32_767, toInteger(item.scale, value)));
      present++;
    }
  });
  if (present === 0) return undefined;
  return { kind: 'block', stream: stream.id, atMs, quality: Math.floor((100 * present) / samples.length), samples };
}
