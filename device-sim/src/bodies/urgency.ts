import type { ProfileStream } from '@pulseseal/firmware-profiles';
import { codes, toValue } from '@pulseseal/firmware-profiles';

/** The hard limits of the clinical design: SpO2 < 80, heart rate < 30 or > 180. */
const critical: ReadonlyMap<number, (value: number) => boolean> = new Map([
  [codes.spo2, (value) => value < 80],
  [codes.heartRate, (value) => value < 30 || value > 180],
  [codes.pulseRate, (value) => value < 30 || value > 180],
]);

/** A frame of its own signature costs much, so an urgent state is sent at its start and once a minute while it lasts. */
const repeatMs = 60_000;

/** Tells which frames of a stream are urgent: the first critical one, then one a minute. */
export function createUrgency(): (stream: ProfileStream, values: ReadonlyMap<number, number>, atMs: number) => boolean {
  let lastMs = Number.NEGATIVE_INFINITY;
  return (stream, values, atMs) => {
    const now = [...values].some(([index, integer]) => {
      const item = stream.items[index]!;
      return critical.get(item.code)?.(toValue(item.scale, integer)) === true;
    });
    if (!now) {
      lastMs = Number.NEGATIVE_INFINITY;
      return false;
    }
    if (atMs - lastMs < repeatMs) return false;
    lastMs = atMs;
    return true;
  };
}
