import type { CryptoProvider } from '@pulseseal/crypto';
import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import type { Clock, Logger, Random } from '@pulseseal/runtime';
import type { FactoryIdentity } from '../device/identity.ts';
import type { DeviceLink, Flash } from '../device/ports.ts';

/** Each member's own parts are made by name: the name is stable over restarts, so is what stands on its flash. */
export interface FleetPorts {
  readonly wall: Clock;
  /** Scaled: the time in which bodies live. */
  readonly data: Clock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly link: (name: string) => DeviceLink;
  readonly flash: (name: string) => Flash;
  readonly factory: (name: string, profile: FirmwareProfile) => FactoryIdentity;
  readonly log?: Logger;
}
