export type { EpochAccount } from './account.ts';
export { createDevice, type Device, type DeviceEpochAccount, type DeviceNotice } from './device.ts';
export type { EngineCounts, SampleData, SendResult } from './engine.ts';
export { createFileFlash } from './flash-file.ts';
export { createMemoryFlash } from './flash-memory.ts';
export {
  createIdentity,
  currentTransportKey,
  type FactoryIdentity,
  type Identity,
  loginPassword,
  type TransportKey,
} from './identity.ts';
export { deviceLimits } from './limits.ts';
export { boxCode, createManufacturer, type Manufacturer } from './manufacturer.ts';
export type * from './ports.ts';
export { type DeviceSettings, deviceSettings } from './settings.ts';
export type { DeviceState } from './states.ts';
