export * from '@pulseseal/chaincode';
export { connectLedger, type LedgerClientSettings } from './client.ts';
export { createDisputeReporter, type DisputeEvidence, type DisputeReporter } from './dispute-reporter.ts';
export { LEDGER_FAILURES, type LedgerCode, type LedgerFailure } from './failures.ts';
export { createLocalLedger, type LocalLedger, type LocalLedgerSettings } from './local/ledger.ts';
export { type Genesis, ledgerIdOf } from './local/transaction.ts';
export * from './port.ts';
export {
  type LedgerCertificate,
  type LedgerServer,
  type LedgerServerSettings,
  ledgerCertificate,
  serveLedger,
} from './server.ts';
