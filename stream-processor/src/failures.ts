import { failures } from '@pulseseal/runtime';

export type ProcessorFailureCode =
  | 'setting-out-of-range'
  | 'state-name'
  | 'state-damaged'
  | 'state-disk'
  | 'identity-missing'
  | 'prekey-missing'
  | 'card-missing';

export const processorFailure = failures<ProcessorFailureCode>({
  'setting-out-of-range': {
    kind: 'refused',
    text: 'A setting of the stream processor is out of range. Correct it.',
  },
  'state-name': { kind: 'refused', text: 'A state entry has 1 to 128 letters, digits, dots, hyphens or underscores.' },
  'state-damaged': {
    kind: 'broken',
    text: 'A saved state does not open: damaged, or sealed with another key. Restore it or start with an empty folder.',
  },
  'state-disk': { kind: 'broken', text: 'State could not be written. Check the disk.' },
  'identity-missing': { kind: 'refused', text: 'There is no recipient identity in the key store. Create it first.' },
  'prekey-missing': { kind: 'refused', text: 'The prekey is no longer held. Nobody can open this epoch with it.' },
  'card-missing': { kind: 'refused', text: 'The scope has no card at hand. Give its bytes.' },
});
