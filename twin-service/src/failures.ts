import { failures } from '@pulseseal/runtime';

export type TwinFailureCode =
  | 'journal-behind'
  | 'journal-damaged'
  | 'too-many-patients'
  | 'alert-unknown'
  | 'alert-cleared'
  | 'setting-out-of-range'
  | 'address-in-use';

export const twinFailure = failures<TwinFailureCode>({
  'journal-behind': {
    kind: 'retry-later',
    text: 'The twin journal does not take records. Look at the disk; the events are handed over again.',
  },
  'journal-damaged': {
    kind: 'broken',
    text: 'A record of the twin journal cannot be read. Restore the folder from a copy, or start with an empty one.',
  },
  'too-many-patients': { kind: 'refused', text: 'This service watches no more patients. Start another one.' },
  'alert-unknown': { kind: 'refused', text: 'There is no such alert. Read the board again.' },
  'alert-cleared': { kind: 'refused', text: 'The alert has ended already. Nothing needs to be done.' },
  'setting-out-of-range': { kind: 'refused', text: 'A setting of the twin service is out of range. Correct it.' },
  'address-in-use': {
    kind: 'broken',
    text: 'Another program uses this port. Stop it, or choose other ports with --port-base.',
  },
});
