import { availableParallelism } from 'node:os';
import type { GatewaySettings } from '@pulseseal/edge-gateway';

/** What the gateway does in another way where its process has one core: threads would only take turns with each other. */
export function settingsForCores(cores: number = availableParallelism()): Partial<GatewaySettings> {
  return cores === 1 ? { poolVerifications: 0 } : {};
}
