import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FirmwareProfile } from '@pulseseal/firmware-profiles';
import type { FactoryIdentity } from '../device/identity.ts';
import type { Manufacturer } from '../device/manufacturer.ts';

/** What the maker burned into each device of a fleet: made once per name, read back at every start. */
export function createFileFactory(
  folder: string,
  manufacturer: Manufacturer,
): (name: string, profile: FirmwareProfile) => FactoryIdentity {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return (name, profile) => {
    const path = join(folder, `${name}.factory`);
    if (existsSync(path)) return readFactory(folder, name);
    const made = manufacturer.make(profile.model.slice(0, 64), profile.suite);
    writeFileSync(`${path}.next`, toText(made), { mode: 0o600 });
    renameSync(`${path}.next`, path);
    return made;
  };
}

/** @throws Error when no device of this name was made here. */
export function readFactory(folder: string, name: string): FactoryIdentity {
  return fromText(readFileSync(join(folder, `${name}.factory`), 'utf8'));
}

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, 'base64'));
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

function toText(identity: FactoryIdentity): string {
  return JSON.stringify({
    ...identity,
    attestationSeed: textOf(identity.attestationSeed),
    devcert: textOf(identity.devcert),
    claimSecret: textOf(identity.claimSecret),
  });
}

function fromText(text: string): FactoryIdentity {
  const file = JSON.parse(text) as Record<keyof FactoryIdentity, string>;
  return {
    model: file.model,
    attestationAlgorithm: file.attestationAlgorithm === 'ML-DSA-44' ? 'ML-DSA-44' : 'ML-DSA-65',
    attestationSeed: bytesOf(file.attestationSeed),
    devcert: bytesOf(file.devcert),
    claimSecret: bytesOf(file.claimSecret),
  };
}
