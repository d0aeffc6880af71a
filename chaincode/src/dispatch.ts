import { toHex } from '@pulseseal/crypto';
import { checkSizes, takeUint } from './arguments.ts';
import type { CallEffects, CallEnvironment, ContractCall, ContractContext } from './context.ts';
import { createBufferedContext } from './context.ts';
import { grantConsent, revokeConsent } from './contracts/consents.ts';
import { registerDevice, retireDevice } from './contracts/devices.ts';
import { reportDispute } from './contracts/disputes.ts';
import { registerGateway, retireGateway } from './contracts/gateways.ts';
import { putManifest } from './contracts/manifests.ts';
import { putRecipient } from './contracts/recipients.ts';
import { anchorTreeHead } from './contracts/tree-heads.ts';
import { ContractRefusal, requireThat } from './failures.ts';
import { LEDGER_QUERIES, type LedgerFunction, type LedgerQuery, stateKey } from './names.ts';

type Contract = (ctx: ContractContext, call: ContractCall) => Promise<void>;

export const CONTRACTS: Readonly<Record<LedgerFunction, Contract>> = {
  RegisterGateway: registerGateway,
  RetireGateway: retireGateway,
  RegisterDevice: registerDevice,
  RetireDevice: retireDevice,
  PutRecipient: putRecipient,
  PutManifest: putManifest,
  GrantConsent: grantConsent,
  RevokeConsent: revokeConsent,
  AnchorTreeHead: anchorTreeHead,
  ReportDispute: reportDispute,
};

export const isLedgerFunction = (name: string): name is LedgerFunction => Object.hasOwn(CONTRACTS, name);
export const isLedgerQuery = (name: string): name is LedgerQuery =>
  (LEDGER_QUERIES as readonly string[]).includes(name);

/** Runs one call against a context; what a thrown ContractRefusal leaves in it is the runner's to drop. */
export async function runContract(ctx: ContractContext, call: ContractCall): Promise<void> {
  checkSizes(call, ctx.transient);
  requireThat(isLedgerFunction(call.fn), 'function-unknown');
  await CONTRACTS[call.fn](ctx, call);
}

/** Runs one call over a state and answers what it changes. @throws ContractRefusal, having changed nothing. */
export async function callEffects(environment: CallEnvironment, call: ContractCall): Promise<CallEffects> {
  const ctx = createBufferedContext(environment);
  await runContract(ctx, call);
  return ctx.effects();
}

/** The row that a query names; `records.ts` reads what stands there. @throws ContractRefusal on wrong arguments. */
export function queryKey(query: LedgerQuery, args: readonly Uint8Array[]): string {
  const id = (length: number): string => {
    const [first] = args;
    requireThat(first !== undefined && args.length === 1, 'argument-count', 'one argument expected');
    requireThat(first.length === length, 'argument-malformed', `the argument must have ${length} bytes`);
    return toHex(first);
  };
  switch (query) {
    case 'GetGateway':
      return stateKey.gateway(id(32));
    case 'GetDevice':
      return stateKey.device(id(16));
    case 'GetRecipient':
      return stateKey.recipient(id(8));
    case 'GetTreeHead':
      return stateKey.head(id(32));
    case 'GetActCounter':
      return stateKey.act(id(32));
    case 'GetManifest':
      return manifestKey(args);
    case 'GetConsent':
      return consentKey(args);
    case 'GetDispute':
      return disputeKey(args);
    default:
      throw new ContractRefusal('function-unknown', 'query');
  }
}

/** GetManifest(pseudonym) is the current one, GetManifest(pseudonym, version as 8 bytes) one of the history. */
function manifestKey([pseudonym, version, ...rest]: readonly Uint8Array[]): string {
  requireThat(pseudonym !== undefined && rest.length === 0, 'argument-count', 'one or two arguments expected');
  requireThat(pseudonym.length === 16, 'argument-malformed', 'the pseudonym must have 16 bytes');
  if (version === undefined) return stateKey.manifest(toHex(pseudonym));
  requireThat(version.length === 8, 'argument-malformed', 'the version must have 8 bytes');
  return stateKey.manifestVersion(toHex(pseudonym), takeUint('version', version));
}

/** GetConsent(owner thumbprint, consent id). */
function consentKey([owner, consent, ...rest]: readonly Uint8Array[]): string {
  requireThat(owner !== undefined && consent !== undefined && rest.length === 0, 'argument-count', 'two arguments');
  requireThat(owner.length === 32 && consent.length === 32, 'argument-malformed', 'both arguments must have 32 bytes');
  return stateKey.consent(toHex(owner), toHex(consent));
}

/** GetDispute(oh, segment as 8 bytes, 1 byte: 1 proved by two closes, 0 reported against one). */
function disputeKey([oh, segment, proved, ...rest]: readonly Uint8Array[]): string {
  const isCount = oh !== undefined && segment !== undefined && proved !== undefined && rest.length === 0;
  requireThat(isCount, 'argument-count', 'three arguments expected');
  const isForm = oh.length === 32 && segment.length === 8 && proved.length === 1 && proved[0]! <= 1;
  requireThat(isForm, 'argument-malformed', '32 bytes, 8 bytes and one byte 0 or 1');
  return stateKey.dispute(toHex(oh), takeUint('segment', segment), proved[0] === 1);
}
