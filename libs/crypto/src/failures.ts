import { type FailureTable, failures } from '@pulseseal/runtime';

export type KeyStoreFailureCode =
  | 'key-store-folder-open-to-others'
  | 'key-store-file-open-to-others'
  | 'key-store-not-a-file'
  | 'key-store-foreign-owner'
  | 'key-store-wrong-passphrase'
  | 'key-store-damaged'
  | 'key-store-weak-passphrase'
  | 'key-store-bad-name'
  | 'key-store-secret-too-large'
  | 'key-store-full'
  | 'key-store-changed-by-another'
  | 'key-store-io';

const table: FailureTable<KeyStoreFailureCode> = {
  'key-store-folder-open-to-others': {
    kind: 'broken',
    text: 'Group or others can enter the folder of the key store. Run the command given, then start again.',
  },
  'key-store-file-open-to-others': {
    kind: 'broken',
    text: 'Group or others can read or write the key store. Run the command given, and replace the keys if somebody may have read it.',
  },
  'key-store-not-a-file': {
    kind: 'broken',
    text: 'The path of the key store is a link or no plain file. Name the file itself.',
  },
  'key-store-foreign-owner': {
    kind: 'broken',
    text: 'The key store or its folder belongs to another user. Run the command given as administrator.',
  },
  'key-store-wrong-passphrase': {
    kind: 'refused',
    text: 'The pass phrase does not open the key store, or its sealed part was altered. Try the pass phrase again; if it is right, restore the file from a copy.',
  },
  'key-store-damaged': {
    kind: 'broken',
    text: 'The file is no key store or was cut or altered. Restore it from a copy; do not delete it before.',
  },
  'key-store-weak-passphrase': { kind: 'refused', text: 'The pass phrase is too short. Take at least 8 characters.' },
  'key-store-bad-name': {
    kind: 'refused',
    text: 'A key name has 1 to 64 of a-z, 0-9, dot, dash, underscore and begins with a letter or digit. Choose another name.',
  },
  'key-store-secret-too-large': {
    kind: 'refused',
    text: 'A secret has at most 16,384 bytes. Store bulk data elsewhere.',
  },
  'key-store-full': { kind: 'refused', text: 'The key store holds 1,024 entries. Remove keys that are out of use.' },
  'key-store-changed-by-another': {
    kind: 'broken',
    text: 'Another process wrote the key store since it was opened. Stop the other one and start this one again.',
  },
  'key-store-io': { kind: 'broken', text: 'The disk refused a read or write. Check space and health of the disk.' },
};

export const keyStoreFailure = failures(table);
