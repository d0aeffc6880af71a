import { bedsideHub } from './bedside-hub.ts';
import { chestStrap } from './chest-strap.ts';
import { ecgPatch } from './ecg-patch.ts';
import type { FirmwareProfile } from './profile.ts';
import { wristBand } from './wrist-band.ts';

export { bedsideHub } from './bedside-hub.ts';
export { checkProfile } from './check.ts';
export { chestStrap } from './chest-strap.ts';
export * from './codes.ts';
export { ecgPatch } from './ecg-patch.ts';
export { profileLimits } from './limits.ts';
export { ProfileRefused, parseProfile } from './parse.ts';
export * from './profile.ts';
export { units } from './units.ts';
export { wristBand } from './wrist-band.ts';

/** The kinds of wearable that ship with the product. */
export const profiles: readonly FirmwareProfile[] = [chestStrap, wristBand, bedsideHub, ecgPatch];

/** Profile of a shipped kind, or undefined. */
export function profileByName(name: string): FirmwareProfile | undefined {
  return profiles.find((profile) => profile.name === name);
}
