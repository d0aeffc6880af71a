/** Why a contract said no. One closed list; a refused call writes nothing. */
export type ContractCode =
  | 'function-unknown'
  | 'argument-count'
  | 'argument-malformed'
  | 'argument-too-large'
  | 'act-missing'
  | 'act-unexpected'
  | 'act-malformed'
  | 'act-foreign'
  | 'act-signer'
  | 'act-time'
  | 'act-replayed'
  | 'act-signature'
  | 'key-refused'
  | 'gateway-known'
  | 'gateway-unknown'
  | 'gateway-retired'
  | 'device-known'
  | 'device-unknown'
  | 'device-retired'
  | 'owner-mismatch'
  | 'recipient-mismatch'
  | 'recipient-expired'
  | 'consent-known'
  | 'consent-unknown'
  | 'consent-revoked'
  | 'manifest-signature'
  | 'manifest-version'
  | 'manifest-previous'
  | 'head-log'
  | 'head-size'
  | 'head-previous'
  | 'head-signature'
  | 'consistency-invalid'
  | 'reporter-unknown'
  | 'dispute-known'
  | 'dispute-empty'
  | 'dispute-signature'
  | 'genesis-missing';

/** Code -> what happened and what to do next. Every one of them is final for the same call. */
export const CONTRACT_REFUSALS: Readonly<Record<ContractCode, string>> = {
  'function-unknown': 'No contract has this name. Use a name of the ledger function table.',
  'argument-count': 'Arguments or side inputs are missing or too many. Build the call with `ledgerCalls`.',
  'argument-malformed':
    'An argument does not parse. The detail names it and the rule; build the call with `ledgerCalls`.',
  'argument-too-large': 'An argument is larger than this ledger takes. Send a smaller one.',
  'act-missing': 'This function needs an act signed by the one who may call it. Sign one with `signAct`.',
  'act-unexpected': 'This function takes no act. Leave it out.',
  'act-malformed': 'The act does not parse. Sign a fresh one with `signAct`.',
  'act-foreign': 'The act was signed for another ledger, function or arguments. Sign one for this very call.',
  'act-signer': 'The act names another key than the one that may call. Sign with the right key.',
  'act-time': 'The act is too old or from the future. Set the clock right and sign a fresh act.',
  'act-replayed': 'The counter of the act is not above the last one of this signer. Sign one with a higher counter.',
  'act-signature': 'The signature of the act does not verify. Sign again with the right key.',
  'key-refused': 'The key has another algorithm than this role uses. Register an ML-DSA-65 key.',
  'gateway-known': 'This gateway key is registered already, also when retired. Use a fresh key for another tenant.',
  'gateway-unknown': 'No gateway with this key is registered. Ask the operator to register it.',
  'gateway-retired': 'This gateway was retired. Ask the operator to register a new key.',
  'device-known': 'This pseudonym is registered already. Choose a fresh one.',
  'device-unknown': 'No device with this pseudonym is registered. Register it first.',
  'device-retired': 'This device was retired. Register it again under a fresh pseudonym.',
  'owner-mismatch': 'The owner key is not the one registered for this device. Use the key of its owner.',
  'recipient-mismatch': 'This recipient id belongs to another identity key. Choose a fresh id.',
  'recipient-expired': 'The prekey would end in the past. Publish one that is still valid.',
  'consent-known': 'This consent id was used before. Choose a fresh one.',
  'consent-unknown': 'No consent has this id. Grant it first.',
  'consent-revoked': 'This consent was revoked already. Nothing is left to do.',
  'manifest-signature': 'The manifest is not signed by the owner key given with it. Sign it again.',
  'manifest-version': 'The version is not exactly one above the registered one. Read it and sign the next version.',
  'manifest-previous': 'The manifest does not name the hash of the one before it. Read the ledger and sign again.',
  'head-log': 'The tree head names another gateway or log than the registered one. Use the log of the registration.',
  'head-size': 'The tree does not grow over the anchored one. Read the anchored head and go on from it.',
  'head-previous':
    'The tree head does not name the hash of the anchored one. Read the anchored head and go on from it.',
  'head-signature': 'The signature of the tree head does not verify under the gateway key. Sign it again.',
  'consistency-invalid':
    'The consistency proof does not lead from the anchored root to the new one: the log was forked.',
  'reporter-unknown': 'The reporter is no registered gateway, recipient or owner. Register first.',
  'dispute-known': 'This dispute is recorded already. Nothing is left to do.',
  'dispute-empty': 'The two closes do not contradict each other for this epoch and segment. Check what was compared.',
  'dispute-signature':
    'A close is not signed by a device that a registered owner endorsed. Report only what the device itself signed.',
  'genesis-missing': 'The ledger has no operator key. Start it from its genesis.',
};

/** `detail` is for logs: names and counts, never a secret. */
export class ContractRefusal extends Error {
  readonly code: ContractCode;
  readonly detail: string;

  constructor(code: ContractCode, detail = '') {
    super(detail === '' ? `${code}: ${CONTRACT_REFUSALS[code]}` : `${code}: ${CONTRACT_REFUSALS[code]} (${detail})`);
    this.name = 'ContractRefusal';
    this.code = code;
    this.detail = detail;
  }
}

export function requireThat(condition: boolean, code: ContractCode, detail = ''): asserts condition {
  if (!condition) throw new ContractRefusal(code, detail);
}
