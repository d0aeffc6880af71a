import { failures } from '@pulseseal/runtime';

export type TwinFailureCode =
  | 'journal-behind'
  | 'journal-damaged'
  | 'too-many-patients'
  | 'alert-unknown'
  | 'alert-cleared'
  | 'setting-out-of-range'
  | 'vitals-header'
  | 'patients-header'
  | 'vitals-record-split'
  | 'vitals-record-too-long'
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
  'vitals-header': {
    kind: 'refused',
    text: 'The vitals file does not begin with record,minute,param,value. Give a file of that form.',
  },
  'patients-header': {
    kind: 'refused',
    text: 'The patients file has no columns record and age. Give a file of that form.',
  },
  'vitals-record-split': {
    kind: 'refused',
    text: 'The rows of a record do not stand together. Sort the vitals file by record.',
  },
  'vitals-record-too-long': { kind: 'refused', text: 'A record has more rows than 48 h can hold. Look at the file.' },
  'address-in-use': {
    kind: 'broken',
    text: 'Another program uses this port. Stop it, or choose other ports with --port-base.',
  },
});
