import { readFileSync } from 'node:fs';
import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { canPin } from './child.ts';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly isPinned: boolean;
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    isPinned: canPin,
  };
}

export function describeVersions(): Record<string, string> {
  const root = new URL('../../../', import.meta.url);
  const version = (path: string) =>
    (JSON.parse(readFileSync(new URL(path, root), 'utf8')) as { readonly version: string }).version;
  return {
    pulseseal: version('package.json'),
    node: process.versions.node,
    openssl: process.versions.openssl,
    aedes: version('node_modules/aedes/package.json'),
    'mqtt-packet': version('node_modules/mqtt-packet/package.json'),
  };
}
