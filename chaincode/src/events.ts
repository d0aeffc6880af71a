import { encode, type Places, parsePlaces } from './codec.ts';
import { ContractRefusal } from './failures.ts';

/** What the ledger tells gateways and agents. Ids are the raw bytes of the protocol. */
export type LedgerFact =
  | { readonly name: 'GatewayRegistered'; readonly gateway: Uint8Array; readonly logId: Uint8Array }
  | { readonly name: 'GatewayRetired'; readonly gateway: Uint8Array }
  | { readonly name: 'DeviceRegistered'; readonly pseudonym: Uint8Array; readonly owner: Uint8Array }
  | { readonly name: 'DeviceRetired'; readonly pseudonym: Uint8Array }
  | {
      readonly name: 'RecipientPut';
      readonly rid: Uint8Array;
      readonly prekeyHash: Uint8Array;
      readonly untilMs: number;
    }
  | {
      readonly name: 'ConsentGranted' | 'ConsentRevoked';
      readonly consent: Uint8Array;
      readonly pseudonym: Uint8Array;
      readonly rid: Uint8Array;
    }
  | {
      readonly name: 'ManifestPut';
      readonly pseudonym: Uint8Array;
      readonly version: number;
      readonly hash: Uint8Array;
    }
  | {
      readonly name: 'TreeHeadAnchored';
      readonly gateway: Uint8Array;
      readonly logId: Uint8Array;
      readonly size: number;
      readonly root: Uint8Array;
      readonly hash: Uint8Array;
    }
  | {
      readonly name: 'DisputeReported';
      readonly oh: Uint8Array;
      readonly segment: number;
      /** By two closes of the device; else by one and the reporter's leaf table. */
      readonly isProved: boolean;
    };

/** Payload of the event that carries `fact`; its name is `fact.name`. */
export function encodeFact(fact: LedgerFact): Uint8Array {
  switch (fact.name) {
    case 'GatewayRegistered':
      return encode([fact.gateway, fact.logId]);
    case 'GatewayRetired':
      return encode([fact.gateway]);
    case 'DeviceRegistered':
      return encode([fact.pseudonym, fact.owner]);
    case 'DeviceRetired':
      return encode([fact.pseudonym]);
    case 'RecipientPut':
      return encode([fact.rid, fact.prekeyHash, fact.untilMs]);
    case 'ConsentGranted':
    case 'ConsentRevoked':
      return encode([fact.consent, fact.pseudonym, fact.rid]);
    case 'ManifestPut':
      return encode([fact.pseudonym, fact.version, fact.hash]);
    case 'TreeHeadAnchored':
      return encode([fact.gateway, fact.logId, fact.size, fact.root, fact.hash]);
    case 'DisputeReported':
      return encode([fact.oh, fact.segment, fact.isProved ? 1 : 0]);
  }
}

/** The fact of an event. @throws ContractRefusal or Refusal on another name or shape. */
export function parseFact(event: { readonly name: string; readonly payload: Uint8Array }): LedgerFact {
  return parsePlaces(event.payload, 'event', (f) => readFact(event.name, f));
}

function readFact(name: string, f: Places): LedgerFact {
  switch (name) {
    case 'GatewayRegistered':
      return { name, gateway: f.bytes(32), logId: f.bytes(32) };
    case 'GatewayRetired':
      return { name, gateway: f.bytes(32) };
    case 'DeviceRegistered':
      return { name, pseudonym: f.bytes(16), owner: f.bytes(32) };
    case 'DeviceRetired':
      return { name, pseudonym: f.bytes(16) };
    case 'RecipientPut':
      return { name, rid: f.bytes(8), prekeyHash: f.bytes(32), untilMs: f.uint() };
    case 'ConsentGranted':
    case 'ConsentRevoked':
      return { name, consent: f.bytes(32), pseudonym: f.bytes(16), rid: f.bytes(8) };
    case 'ManifestPut':
      return { name, pseudonym: f.bytes(16), version: f.uint(), hash: f.bytes(32) };
    case 'TreeHeadAnchored':
      return { name, gateway: f.bytes(32), logId: f.bytes(32), size: f.uint(), root: f.bytes(32), hash: f.bytes(32) };
    case 'DisputeReported':
      return { name, oh: f.bytes(32), segment: f.uint(), isProved: f.uint() === 1 };
    default:
      throw new ContractRefusal('argument-malformed', 'unknown event');
  }
}
