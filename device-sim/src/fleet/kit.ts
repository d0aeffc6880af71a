import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import type { FactoryIdentity } from '../device/identity.ts';
import type { Manufacturer } from '../device/manufacturer.ts';
import { createFileFactory, readFactory } from './factory-store.ts';

/** What somebody needs who lets a device of their own speak to a running system. */
export interface DeviceKit {
  /** `mqtts://host:port`. */
  readonly broker: string;
  /** Local link of the patient's agent, `host:port`. */
  readonly agent: string;
}

/** Written by the running system: where it can be reached. */
export function writeDeviceKit(folder: string, kit: DeviceKit): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, 'kit.json'), `${JSON.stringify(kit, null, 2)}\n`, { mode: 0o600 });
}

/** Makes the certificates of kit devices ahead, so that the maker's key never leaves the system. */
export function stockDeviceKit(
  folder: string,
  names: readonly string[],
  profile: FirmwareProfile,
  manufacturer: Manufacturer,
): void {
  const factory = createFileFactory(folder, manufacturer);
  for (const name of names) factory(name, profile);
}

export interface OpenedKit extends DeviceKit {
  /** Folder in which the device may keep its flash. */
  readonly folder: string;
  factory(name: string): FactoryIdentity;
}

/** @throws Error naming the folder when no system has written a kit there, or the name was not stocked. */
export function openDeviceKit(folder: string): OpenedKit {
  let kit: DeviceKit;
  try {
    kit = JSON.parse(readFileSync(join(folder, 'kit.json'), 'utf8')) as DeviceKit;
  } catch (cause) {
    throw new Error(
      `${folder} holds no device kit. Start the system first: npm start. It prints the folder; give it as PULSESEAL_KIT.`,
      { cause },
    );
  }
  return { ...kit, folder, factory: (name) => readFactory(folder, name) };
}
