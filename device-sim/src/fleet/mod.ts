export { createFileFactory } from './factory-store.ts';
export {
  createFleet,
  type Fleet,
  type FleetAccount,
  type FleetDeviceAccount,
  type FleetSettings,
} from './fleet.ts';
export { type DeviceKit, type OpenedKit, openDeviceKit, stockDeviceKit, writeDeviceKit } from './kit.ts';
export { fleetLimits } from './limits.ts';
export type { FleetMember } from './member.ts';
export type { FleetPorts } from './ports.ts';
