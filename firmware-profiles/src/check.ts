import { profileLimits as limits } from './limits.ts';
import type { FirmwareProfile, ProfileItem, ProfileStream } from './profile.ts';

/**
 * Faults of a profile in plain words, each with the place it stands at; empty when it may be used.
 * Takes typed profiles; `parseProfile` holds foreign JSON to the shape first.
 */
export function checkProfile(profile: FirmwareProfile): string[] {
  return [
    ...textFault('name', profile.name),
    ...textFault('model', profile.model),
    ...suiteFaults(profile),
    ...range('epochMs', profile.epochMs, limits.minSegmentMs, limits.maxEpochMs),
    ...range('segmentMs', profile.segmentMs, limits.minSegmentMs, limits.maxSegmentMs),
    ...range('maxSegmentFrames', profile.maxSegmentFrames, limits.minSegmentFrames, limits.maxSegmentFrames),
    ...range('heartbeatMs', profile.heartbeatMs, limits.minHeartbeatMs, limits.maxHeartbeatMs),
    ...range('ackTimeoutMs', profile.ackTimeoutMs, profile.heartbeatMs, 3_600_000),
    ...range('spoolBytes', profile.spoolBytes, 65_536, 2 ** 32),
    ...range('byteBudgetPerHour', profile.byteBudgetPerHour, 1, 2 ** 32),
    ...(profile.segmentMs > profile.epochMs ? ['segmentMs: longer than an epoch; choose at most epochMs'] : []),
    ...scopeFaults(profile),
    ...streamListFaults(profile),
    ...profile.streams.flatMap((stream) => streamFaults(profile, stream)),
  ];
}

function suiteFaults(profile: FirmwareProfile): string[] {
  if (profile.suite !== 1 && profile.suite !== 2) return ['suite: version 1 of the protocol has suites 1 and 2'];
  const wanted = profile.class === 'C1' ? 1 : 2;
  return profile.suite < wanted ? [`suite: class ${profile.class} signs with suite ${wanted}`] : [];
}

function scopeFaults(profile: FirmwareProfile): string[] {
  const { scopes } = profile;
  const numbers = scopes.map((scope) => scope.number);
  return [
    ...(scopes.length === 0 || scopes.length >= limits.maxScopes
      ? [`scopes: 1 to ${limits.maxScopes - 1} beside liveness`]
      : []),
    ...numbers.flatMap((number) => range(`scope ${number}`, number, 1, limits.maxNumber)),
    ...(ascending(numbers) ? [] : ['scopes: numbers must rise and be distinct']),
    ...scopes.flatMap((scope) => textFault(`scope ${scope.number} category`, scope.category)),
    ...numbers
      .filter((number) => !profile.streams.some((stream) => stream.scope === number))
      .map((number) => `scope ${number}: has no stream; leave it out`),
  ];
}

function streamListFaults(profile: FirmwareProfile): string[] {
  const { streams } = profile;
  return [
    ...(streams.length === 0 || streams.length >= limits.maxStreams
      ? [`streams: 1 to ${limits.maxStreams - 1} beside stream 0`]
      : []),
    ...(ascending(streams.map((stream) => stream.id)) ? [] : ['streams: ids must rise and be distinct']),
  ];
}

function streamFaults(profile: FirmwareProfile, stream: ProfileStream): string[] {
  const at = `stream ${stream.id}`;
  const { items } = stream;
  return [
    ...range(`${at} id`, stream.id, 1, limits.maxNumber),
    ...textFault(`${at} name`, stream.name),
    ...(profile.scopes.some((scope) => scope.number === stream.scope) ? [] : [`${at} scope: not among the scopes`]),
    ...([1, 2, 3].includes(stream.streamClass) ? [] : [`${at} streamClass: 1 values, 2 waveform or 3 events`]),
    ...range(`${at} padBytes`, stream.padBytes, 0, limits.maxPadBytes),
    ...range(`${at} items`, items.length, 1, limits.maxItems),
    ...items.flatMap((item, index) => itemFaults(stream, item, `${at} item ${index}`)),
    ...range(
      `${at} samples of a frame`,
      items.reduce((sum, item) => sum + item.blockSamples, 0),
      1,
      limits.maxFrameSamples,
    ),
    ...(stream.streamClass === 2 && !alike(items)
      ? [`${at}: items of a waveform stream share rate and block; make a stream for each rhythm`]
      : []),
    ...rhythmFaults(stream, at),
  ];
}

function itemFaults(stream: ProfileStream, item: ProfileItem, at: string): string[] {
  const waveform = stream.streamClass === 2;
  return [
    ...textFault(`${at} name`, item.name),
    ...range(`${at} code`, item.code, 1, 2 ** 32 - 1),
    ...range(`${at} unit.mdc`, item.unit.mdc, 1, 2 ** 32 - 1),
    ...textFault(`${at} unit.ucum`, item.unit.ucum),
    ...range(`${at} scale.m`, item.scale.m, 1, 1_000_000),
    ...range(`${at} scale.e`, item.scale.e, -9, 9),
    ...range(`${at} scale.offset`, item.scale.offset, -(2 ** 31), 2 ** 31),
    ...range(`${at} rateMilliHz`, item.rateMilliHz, waveform ? 1 : 0, 10_000_000),
    ...range(`${at} blockSamples`, item.blockSamples, 1, waveform ? limits.maxFrameSamples : 1),
    ...(item.codec === 0 ? [] : [`${at} codec: version 1 has codec 0 alone`]),
    ...range(`${at} site`, item.site, 0, 65_535),
  ];
}

/** The receiver has the card alone, so interval and charting must be what the card's rates say. */
function rhythmFaults(stream: ProfileStream, at: string): string[] {
  const fastest = Math.max(...stream.items.map((item) => item.rateMilliHz / item.blockSamples));
  if (stream.charted) {
    const faults = stream.expectedIntervalMs === undefined ? [] : [`${at}: a charted stream has no expectedIntervalMs`];
    return fastest === 0 ? faults : [...faults, `${at}: a charted stream has rateMilliHz 0 in every item`];
  }
  if (stream.expectedIntervalMs === undefined)
    return stream.streamClass === 3 ? [] : [`${at}: say expectedIntervalMs, or charted`];
  const byRateMs = 1_000_000 / fastest;
  return Math.abs(byRateMs - stream.expectedIntervalMs) <= 0.1 * byRateMs
    ? []
    : [`${at} expectedIntervalMs: rate and block of its items give ${Math.round(byRateMs)}`];
}

function range(at: string, value: number, least: number, most: number): string[] {
  return Number.isSafeInteger(value) && value >= least && value <= most
    ? []
    : [`${at}: must be a whole number from ${least} to ${most}`];
}

function textFault(at: string, text: string): string[] {
  return text.length >= 1 && text.length <= limits.maxTextLength
    ? []
    : [`${at}: must have 1 to ${limits.maxTextLength} characters`];
}

function alike(items: readonly ProfileItem[]): boolean {
  return items.every(
    (item) => item.rateMilliHz === items[0]!.rateMilliHz && item.blockSamples === items[0]!.blockSamples,
  );
}

function ascending(numbers: readonly number[]): boolean {
  return numbers.every((number, i) => i === 0 || number > numbers[i - 1]!);
}
