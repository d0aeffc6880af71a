import { CONTRACT_REFUSALS, type ContractCode } from '@pulseseal/chaincode';
import { type Failure, type FailureEntry, type FailureTable, failures } from '@pulseseal/runtime';

type OwnCode =
  | 'ledger-unreachable'
  | 'ledger-busy'
  | 'ledger-storage'
  | 'ledger-closed'
  | 'ledger-pin'
  | 'ledger-answer'
  | 'request-malformed'
  | 'request-too-large'
  | 'chain-damaged'
  | 'genesis-mismatch';

export type LedgerCode = ContractCode | OwnCode;
export type LedgerFailure = Failure<LedgerCode>;

const refusals = Object.fromEntries(
  Object.entries(CONTRACT_REFUSALS).map(([code, text]): [string, FailureEntry] => [code, { kind: 'refused', text }]),
) as FailureTable<ContractCode>;

export const LEDGER_FAILURES: FailureTable<LedgerCode> = {
  ...refusals,
  'ledger-unreachable': {
    kind: 'retry-later',
    text: 'The ledger does not answer. Send the same call again later; it counts once.',
  },
  'ledger-busy': {
    kind: 'retry-later',
    text: 'Too many calls wait for the next block. Send the same call again later.',
  },
  'ledger-storage': {
    kind: 'retry-later',
    text: 'The ledger could not write the block. Free its disk; then send the same call again.',
  },
  'ledger-closed': { kind: 'refused', text: 'This ledger was closed. Open it again.' },
  'ledger-pin': {
    kind: 'broken',
    text: 'Another key answers at the address of the ledger. Check the address, or take over its new fingerprint.',
  },
  'ledger-answer': {
    kind: 'broken',
    text: 'The ledger gave an answer that does not parse. Run one version on both sides.',
  },
  'request-malformed': { kind: 'refused', text: 'The request does not parse. Run one version on both sides.' },
  'request-too-large': { kind: 'refused', text: 'The request is larger than the ledger takes. Send a smaller one.' },
  'chain-damaged': {
    kind: 'broken',
    text: 'A stored block is damaged or was altered. Restore the ledger folder from a copy of the other organisations or a backup.',
  },
  'genesis-mismatch': {
    kind: 'broken',
    text: 'The folder holds another ledger (name, operator or signing key differ). Name its folder or its keys.',
  },
};

export const ledgerFailure = failures<LedgerCode>(LEDGER_FAILURES);

export const isLedgerCode = (code: string): code is LedgerCode => Object.hasOwn(LEDGER_FAILURES, code);
