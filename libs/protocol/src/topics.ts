/** MQTT topics (SPEC clause TOPIC-1). */
export type DeviceChannel = 'e' | 'm' | 'o' | 'u' | 'c' | 'd' | 'w';
export type RecipientChannel = 'f' | 'p' | 'g' | 'a';

export const topic = {
  beacon: (gid: string) => `ps1/gw/${gid}/b`,
  device: (shard: string, device: string, channel: DeviceChannel) => `ps1/${shard}/${device}/${channel}`,
  recipient: (rid: string, channel: RecipientChannel) => `ps1/r/${rid}/${channel}`,
} as const;

export type ParsedTopic =
  | { readonly kind: 'beacon'; readonly gid: string }
  | { readonly kind: 'device'; readonly shard: string; readonly device: string; readonly channel: DeviceChannel }
  | { readonly kind: 'recipient'; readonly rid: string; readonly channel: RecipientChannel };

const beaconForm = /^ps1\/gw\/([0-9a-f]{16})\/b$/;
const deviceForm = /^ps1\/([0-3][0-9a-f])\/([A-Za-z0-9_-]{22})\/([emoucdw])$/;
const recipientForm = /^ps1\/r\/([0-9a-f]{16})\/([fpga])$/;

/** Undefined for anything but the named topics: wildcards, `$SYS` and strangers included. */
export function parseTopic(text: string): ParsedTopic | undefined {
  if (text.length > 64) return undefined;
  let m = deviceForm.exec(text);
  if (m !== null) return { kind: 'device', shard: m[1]!, device: m[2]!, channel: m[3] as DeviceChannel };
  m = recipientForm.exec(text);
  if (m !== null) return { kind: 'recipient', rid: m[1]!, channel: m[2] as RecipientChannel };
  m = beaconForm.exec(text);
  return m === null ? undefined : { kind: 'beacon', gid: m[1]! };
}
