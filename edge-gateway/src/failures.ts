import { type FailureTable, failures } from '@pulseseal/runtime';

export type GatewayFailureCode =
  | 'journal-failed'
  | 'journal-format'
  | 'start-counter-exhausted'
  | 'listen-failed'
  | 'store-unreachable'
  | 'store-frame-too-long'
  | 'store-row-missing'
  | 'tls-key-exchange'
  | 'not-started'
  | 'evidence-absent'
  | 'log-rolled-back';

export const GATEWAY_FAILURES: FailureTable<GatewayFailureCode> = {
  'journal-failed': {
    kind: 'broken',
    text: 'The journal cannot be written, so nothing is acknowledged. Free disk space or mend the disk; the gateway goes on by itself.',
  },
  'journal-format': {
    kind: 'broken',
    text: 'A record of the journal is not one of this version. Start with the version that wrote it, or restore the folder.',
  },
  'start-counter-exhausted': {
    kind: 'broken',
    text: 'The gateway was started 2^20 times. Make a new gateway identity and have the manifests name it.',
  },
  'listen-failed': {
    kind: 'broken',
    text: 'The broker cannot listen on its port. Choose another one or end the process that holds it.',
  },
  'store-unreachable': {
    kind: 'retry-later',
    text: 'The time-series server does not answer. Rows wait in the journal and are filled in when it is back.',
  },
  'store-frame-too-long': {
    kind: 'refused',
    text: 'A frame is longer than the time-series server takes in one field. It stays in the journal; set maxFrameBytes below 48,000.',
  },
  'store-row-missing': {
    kind: 'broken',
    text: 'The index names a frame that the journal does not hold. Delete the index file: it is made again from the journal.',
  },
  'tls-key-exchange': {
    kind: 'broken',
    text: 'This runtime does not offer X25519MLKEM768. Use the Node that package.json pins.',
  },
  'not-started': { kind: 'retry-later', text: 'The gateway is not started or was stopped. Start it first.' },
  'evidence-absent': {
    kind: 'refused',
    text: 'The data folder holds no such evidence yet. Wait for the close and its anchor, or check the reading id.',
  },
  'log-rolled-back': {
    kind: 'broken',
    text: 'A signed head covers more or other entries than this folder: it is an older copy, or its index was made anew over a damaged record. Frames are taken, no head is signed. Stop and put the newest folder back, or make a new gateway identity.',
  },
};

export const gatewayFailure = failures(GATEWAY_FAILURES);
