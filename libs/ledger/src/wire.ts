import { encodePlaces, type LedgerFunction, type LedgerQuery, parsePlaces } from '@pulseseal/chaincode';
import { type CborValue, encodeCoseKey, parseCoseKey } from '@pulseseal/protocol';
import { isLedgerCode, type LedgerFailure, ledgerFailure } from './failures.ts';
import type { Anchor, BlockContent, Committed, EventPage, LedgerIdentity } from './port.ts';

/** What client and server of the ledger say to each other: one CBOR array each way, in the body of a POST. */
export type LedgerRequest =
  | { readonly op: 'identity' }
  | {
      readonly op: 'submit';
      readonly fn: LedgerFunction;
      readonly args: readonly Uint8Array[];
      readonly act: Uint8Array | null;
      readonly transient: readonly Uint8Array[];
    }
  | { readonly op: 'read'; readonly query: LedgerQuery; readonly args: readonly Uint8Array[] }
  | { readonly op: 'events'; readonly fromHeight: number; readonly waitMs: number }
  | { readonly op: 'block'; readonly height: number }
  | { readonly op: 'anchor'; readonly gateway: Uint8Array; readonly size: number };

export function encodeRequest(request: LedgerRequest): Uint8Array {
  const { op } = request;
  switch (op) {
    case 'identity':
      return encodePlaces([op]);
    case 'submit':
      return encodePlaces([op, request.fn, request.args, request.act, request.transient]);
    case 'read':
      return encodePlaces([op, request.query, request.args]);
    case 'events':
      return encodePlaces([op, request.fromHeight, request.waitMs]);
    case 'block':
      return encodePlaces([op, request.height]);
    case 'anchor':
      return encodePlaces([op, request.gateway, request.size]);
  }
}

/** @throws Failure `request-malformed`. Names of functions and queries are the contract's to refuse. */
export function parseRequest(bytes: Uint8Array): LedgerRequest {
  try {
    return parsePlaces(bytes, 'request', (f): LedgerRequest => {
      const op = f.text();
      switch (op) {
        case 'identity':
          return { op };
        case 'submit': {
          const fn = f.text() as LedgerFunction;
          return { op, fn, args: f.byteStrings(), act: f.bytesOrNull(), transient: f.byteStrings() };
        }
        case 'read':
          return { op, query: f.text() as LedgerQuery, args: f.byteStrings() };
        case 'events':
          return { op, fromHeight: f.uint(), waitMs: f.uint() };
        case 'block':
          return { op, height: f.uint() };
        case 'anchor':
          return { op, gateway: f.bytes(32), size: f.uint() };
        default:
          throw ledgerFailure('request-malformed', 'operation');
      }
    });
  } catch (error) {
    throw ledgerFailure('request-malformed', '', error);
  }
}

export const encodeAnswer = (...places: readonly CborValue[]): Uint8Array => encodePlaces([0, ...places]);
export const encodeFailure = (failure: LedgerFailure): Uint8Array => encodePlaces([1, failure.code, failure.detail]);

type Places = Parameters<Parameters<typeof parsePlaces>[2]>[0];

/** Reads an answer, or throws the failure it carries. @throws Failure `ledger-answer` when it does not parse. */
export function parseAnswer<T>(bytes: Uint8Array, read: (f: Places) => T): T {
  const answer = parsedAnswer(bytes, read);
  if ('failure' in answer) throw answer.failure;
  return answer.value;
}

function parsedAnswer<T>(bytes: Uint8Array, read: (f: Places) => T): { value: T } | { failure: LedgerFailure } {
  try {
    return parsePlaces(bytes, 'answer', (f) => {
      if (f.uint() === 0) return { value: read(f) };
      const code = f.text();
      const detail = f.text();
      return { failure: isLedgerCode(code) ? ledgerFailure(code, detail) : ledgerFailure('ledger-answer', code) };
    });
  } catch (error) {
    return { failure: ledgerFailure('ledger-answer', '', error) };
  }
}

/** Encoder and reader of each answer, side by side. What may be absent is a list of none or one. */
export const answers = {
  identity: {
    encode: (i: LedgerIdentity) =>
      encodeAnswer(i.ledgerId, i.name, encodeCoseKey(i.operator), i.signers.map(encodeCoseKey), i.height),
    read: (f: Places): LedgerIdentity => ({
      ledgerId: f.bytes(32),
      name: f.text(),
      operator: parseCoseKey(f.bytes()),
      signers: f.byteStrings().map(parseCoseKey),
      height: f.uint(),
    }),
  },
  submit: {
    encode: (c: Committed) => encodeAnswer(c.txId, c.height, c.index),
    read: (f: Places): Committed => ({ txId: f.text(), height: f.uint(), index: f.uint() }),
  },
  read: {
    encode: (value: Uint8Array | undefined) => encodeAnswer(value === undefined ? [] : [value]),
    read: (f: Places): Uint8Array | undefined => f.byteStrings()[0],
  },
  events: {
    encode: (page: EventPage) =>
      encodeAnswer(
        page.nextHeight,
        page.events.flatMap((e) => [e.height, e.index, e.name, e.payload]),
      ),
    read: (f: Places): EventPage => ({
      nextHeight: f.uint(),
      events: f.list((e) => ({ height: e.uint(), index: e.uint(), name: e.text(), payload: e.bytes() })),
    }),
  },
  block: {
    encode: (content: BlockContent | undefined) =>
      encodeAnswer(content === undefined ? [] : [content.block, ...content.transactions]),
    read(f: Places): BlockContent | undefined {
      const [block, ...transactions] = f.byteStrings();
      return block && { block, transactions };
    },
  },
  anchor: {
    encode: (a: Anchor | undefined) =>
      a === undefined
        ? encodeAnswer([], [], [], [], [])
        : encodeAnswer(
            [a.sth, a.consistency, a.tx],
            a.blocks,
            [a.inclusion.size, a.inclusion.index],
            a.inclusion.path,
            a.signers.map(encodeCoseKey),
          ),
    read(f: Places): Anchor | undefined {
      const [sth, consistency, tx] = f.byteStrings();
      const blocks = f.byteStrings();
      const [size = 0, index = 0] = f.list((n) => n.uint());
      const path = f.byteStrings(32);
      const signers = f.byteStrings().map(parseCoseKey);
      if (sth === undefined || consistency === undefined || tx === undefined) return undefined;
      return { sth, consistency, tx, blocks, inclusion: { size, index, path }, signers };
    },
  },
} as const;
