import { failures } from '@pulseseal/runtime';

export type BusFailureCode =
  | 'bus-full'
  | 'bus-closed'
  | 'bus-topic'
  | 'bus-body-too-large'
  | 'bus-position'
  | 'bus-reference'
  | 'bus-subscribers'
  | 'bus-message-damaged';

export const busFailure = failures<BusFailureCode>({
  'bus-full': {
    kind: 'retry-later',
    text: 'The slowest subscriber is too far behind. Publish again when it has acknowledged.',
  },
  'bus-closed': { kind: 'refused', text: 'This end of the bus is closed. Open it again.' },
  'bus-topic': { kind: 'refused', text: 'A topic has 1 to 255 bytes. Shorten it.' },
  'bus-body-too-large': { kind: 'refused', text: 'A message has at most 250 KiB. Split it.' },
  'bus-position': { kind: 'refused', text: 'Only a received position can be acknowledged.' },
  'bus-reference': {
    kind: 'broken',
    text: 'A message refers to a record that cannot be read. Check that the named log is given and not trimmed too early.',
  },
  'bus-subscribers': { kind: 'refused', text: 'Too many subscribers. Close one.' },
  'bus-message-damaged': {
    kind: 'broken',
    text: 'A stored message cannot be parsed. Verify the folder of the feed.',
  },
});
