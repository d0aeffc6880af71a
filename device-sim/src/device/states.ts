/** Where a device stands. */
export type DeviceState =
  /** No owner, no manifest, or stopped. */
  | 'idle'
  /** An epoch is made and waits for `accept`; frames may already flow. */
  | 'opening'
  | 'live'
  /** A segment is being closed. */
  | 'closing'
  /** The last close of an epoch is made, the next epoch is being built. */
  | 'rotating'
  /** The epoch carries no gateway MAC; it goes up by bulk later. */
  | 'offline'
  /** After a reboot without its spool: what was unsealed stays MAC-only. */
  | 'orphan';

export type DeviceEvent =
  | 'build'
  | 'opened'
  | 'opened-offline'
  | 'accepted'
  | 'segment-end'
  | 'resume-opening'
  | 'resume-live'
  | 'resume-offline'
  | 'rotate'
  | 'spool-lost'
  | 'stop';

const table: Readonly<Record<DeviceState, Partial<Readonly<Record<DeviceEvent, DeviceState>>>>> = {
  idle: { build: 'rotating', 'spool-lost': 'orphan', stop: 'idle' },
  orphan: { build: 'rotating', stop: 'idle' },
  opening: { accepted: 'live', 'segment-end': 'closing', stop: 'idle' },
  live: { accepted: 'live', 'segment-end': 'closing', stop: 'idle' },
  offline: { 'segment-end': 'closing', stop: 'idle' },
  closing: {
    'resume-opening': 'opening',
    'resume-live': 'live',
    'resume-offline': 'offline',
    rotate: 'rotating',
    stop: 'idle',
  },
  // The build of an epoch may fail: the next try begins where it stood.
  rotating: { build: 'rotating', opened: 'opening', 'opened-offline': 'offline', stop: 'idle' },
};

/** The state after `event`, or undefined when the event is not possible there. */
export function nextState(state: DeviceState, event: DeviceEvent): DeviceState | undefined {
  return table[state][event];
}
