import { type CryptoProvider, toHex } from '@pulseseal/crypto';
import {
  ackKey,
  attempt,
  claimMac,
  commitment,
  createMerkleTree,
  deviceText,
  encodeCoseKey,
  hedged,
  linkKeys,
  logId,
  nonceOf,
  openHash,
  parseAccept,
  parseBulk,
  parseBye,
  parseErr,
  parseMessage,
  parseNack,
  parseProgress,
  parseRekey,
  parseRepair,
  scopeChain,
  sealPre,
  segmentKey,
  shardOf,
  thumbprint,
  verifyProof,
} from '../src/mod.ts';
import { buildBundle } from './bundle.ts';
import { OPERATIONS } from './operations.ts';
import { type Json, project } from './project.ts';
import { misspelled, type RefusedCase, refusedCases } from './refused.ts';
import { createSamples, type Samples, TENANT } from './samples.ts';
import { BOOT, createWorld, EPOCH, type World } from './world.ts';

const CONTENT: { readonly [mt: number]: (content: Uint8Array) => unknown } = {
  6: parseRepair,
  7: parseBye,
  8: parseBulk,
  16: parseAccept,
  17: parseNack,
  18: parseRekey,
  20: parseProgress,
  31: parseErr,
};

/** Names that are no message of their own: parts that others carry. */
const PARTS = ['wrap for the gateway', 'wrap for a recipient', 'cose receipt', 'login password'];

const SIGNERS = [
  'owner',
  'gateway',
  'device',
  'device2',
  'attestation',
  'manufacturer',
  'recipient',
  'transport',
  'ledger',
] as const;

/** The signer whose key verifies a signed message. */
export function signerOf(w: World, kid: Uint8Array): string | undefined {
  return SIGNERS.find((name) => toHex(w[name].thumbprint.subarray(0, 8)) === toHex(kid));
}

/** What a message says, as JSON; a ctl with its content read. */
export function fieldsOf(bytes: Uint8Array): Json {
  const message = parseMessage(bytes);
  const fields = project(message) as { readonly [key: string]: Json };
  if (message.kind !== 'ctl') return fields;
  const read = CONTENT[message.mt];
  return read === undefined ? fields : { ...fields, content: project(read(message.content)) };
}

function messagesFile(w: World, s: Samples): Json {
  const vectors: Json[] = [];
  const parts: { [name: string]: Json } = {};
  for (const [name, bytes] of s.messages) {
    if (PARTS.includes(name)) {
      parts[name] = toHex(bytes);
      continue;
    }
    const message = parseMessage(bytes);
    const signer = message.kind === 'signed' ? signerOf(w, message.kid) : undefined;
    vectors.push({
      name,
      verdict: 'accept',
      hex: toHex(bytes),
      ...(signer === undefined ? {} : { signer }),
      fields: fieldsOf(bytes),
    });
  }
  return {
    about: 'PulseSeal/1 messages that are accepted, with every field. `signer` names the key in `keys` that verifies.',
    keys: Object.fromEntries(SIGNERS.map((name) => [name, toHex(encodeCoseKey(w[name].key))])),
    epoch: {
      oh: toHex(s.oh),
      gwk: toHex(s.gwk),
      ackSecret: toHex(s.ackSecret),
      es: project(s.es),
      cards: project(s.cards),
      frames: s.frames.map((f) => project(f)),
      leaves: s.leaves.map(toHex),
    },
    parts,
    vectors,
  };
}

/** A refused case as a splice of a known message where that is shorter: [at, bytes removed, hex put in]. */
function compact(c: RefusedCase, known: ReadonlyMap<string, Uint8Array>): { readonly [key: string]: Json } {
  const tail = { ...(c.args === undefined ? {} : { args: c.args }), verdict: 'refuse', refusal: c.refusal };
  const b = c.bytes;
  let zeros = 0;
  while (zeros < b.length && b[b.length - 1 - zeros] === 0) zeros++;
  if (zeros > 10_000) return { name: c.name, op: c.op, hex: toHex(b.subarray(0, b.length - zeros)), zeros, ...tail };
  let best: { base: string; at: number; remove: number; insert: Uint8Array } | undefined;
  for (const [base, k] of known) {
    let at = 0;
    while (at < k.length && at < b.length && k[at] === b[at]) at++;
    let end = 0;
    while (end < k.length - at && end < b.length - at && k[k.length - 1 - end] === b[b.length - 1 - end]) end++;
    const insert = b.subarray(at, b.length - end);
    if (insert.length + 64 < (best?.insert.length ?? b.length))
      best = { base, at, remove: k.length - at - end, insert };
  }
  if (best === undefined) return { name: c.name, op: c.op, hex: toHex(b), ...tail };
  return { name: c.name, op: c.op, base: best.base, splice: [best.at, best.remove, toHex(best.insert)], ...tail };
}

async function refusalsFile(w: World, s: Samples): Promise<Json> {
  const known = new Map([...s.messages, ['proof', buildBundle(w, s)]]);
  const refusalOf = (op: string, bytes: Uint8Array) => {
    const result = attempt(() => OPERATIONS[op]!(bytes, {}, w.crypto));
    return result.ok ? undefined : result.refusal;
  };
  const cases: RefusedCase[] = [...(await refusedCases(w, s)), ...misspelled(s, refusalOf)];
  return {
    about:
      'Bytes that are refused, with the one reason. Bytes are `hex` (and `zeros` behind them), or the message `base` of ' +
      'messages.json (`proof`: of proof.json) with `splice` [at, bytes removed, hex put in]. `op` says what is asked.',
    vectors: cases.map((c) => compact(c, known)),
  };
}

function keyScheduleFile(w: World, s: Samples): Json {
  const { crypto } = w;
  const hex = toHex;
  const device = w.device.thumbprint;
  const link = linkKeys(s.oh, s.gwk, crypto);
  const chain = scopeChain(s.es.get(1)!, s.oh, crypto);
  const segments = [0, 1, 2, 70].map((j) => {
    const from = chain.export();
    const key = chain.take(j);
    const { key: aead, iv } = key.streamKey(1);
    return {
      from: from.segment,
      ck: hex(from.ck),
      segment: j,
      sk: hex(key.secret),
      kcv: hex(key.kcv),
      stream: 1,
      key: hex(aead),
      iv: hex(iv),
      seq: 2 ** 24,
      nonce: hex(nonceOf(iv, 2 ** 24)),
      again: hex(segmentKey(key.secret, crypto).kcv),
    };
  });
  const labels = [0, 1, 'gw', w.bytes('rid 0', 8), ['kem', 'gw'], ['kem', w.bytes('rid 0', 8)]] as const;
  const data = w.bytes('any data', 40);
  return {
    about:
      'Each line of the key schedule (SPEC section 6). Bytes in hex. `mac` is the whole HMAC, not the 8 bytes of a tag.',
    open: { sha256: hex(openHash(s.messages.get('open')!, crypto)), oh: hex(s.oh) },
    commitments: [0, 1, 2].map((scope) => ({
      es: hex(s.es.get(scope)!),
      device: hex(device),
      boot: BOOT,
      epoch: EPOCH,
      scope,
      commitment: hex(commitment(s.es.get(scope)!, device, BOOT, EPOCH, scope, crypto)),
    })),
    link: {
      oh: hex(s.oh),
      gwk: hex(s.gwk),
      data: hex(data),
      up: hex(link.up(data)),
      down: hex(link.down(data)),
      pre: hex(link.pre(data)),
      preTag: hex(sealPre(s.messages.get('open')!, s.oh, link.pre)),
      ackSecret: hex(s.ackSecret),
      ack: hex(ackKey(s.oh, s.ackSecret, crypto)(data)),
    },
    chain: { es: hex(s.es.get(1)!), oh: hex(s.oh), segments },
    hedged: labels.map((label) => ({
      fresh: hex(w.seed('fresh')),
      deviceSecret: hex(w.seed('device secret')),
      boot: BOOT,
      epoch: EPOCH,
      label: project(label),
      length: Array.isArray(label) ? 64 : 32,
      secret: hex(
        hedged(w.seed('fresh'), w.seed('device secret'), BOOT, EPOCH, label, Array.isArray(label) ? 64 : 32, crypto),
      ),
    })),
    claim: {
      attestation: hex(w.attestation.thumbprint),
      claimSecret: hex(w.bytes('claim secret', 16)),
      owner: hex(w.owner.thumbprint),
      pseudonym: hex(w.bytes('pseudonym', 16)),
      nonce: hex(w.bytes('lost', 16)),
      mac: hex(
        claimMac(
          w.attestation.thumbprint,
          w.bytes('claim secret', 16),
          w.owner.thumbprint,
          w.bytes('pseudonym', 16),
          w.bytes('lost', 16),
          crypto,
        ),
      ),
    },
    logId: {
      gateway: hex(w.gateway.thumbprint),
      tenant: TENANT,
      logId: hex(logId(w.gateway.thumbprint, TENANT, crypto)),
    },
    names: SIGNERS.map((name) => ({
      key: hex(encodeCoseKey(w[name].key)),
      thumbprint: hex(thumbprint(w[name].key, crypto)),
      text: deviceText(w[name].thumbprint),
      shard: shardOf(w[name].thumbprint, crypto),
    })),
  };
}

function treesFile(w: World): Json {
  const { crypto } = w;
  const sizes = Array.from({ length: 18 }, (_, size) => {
    const tree = createMerkleTree(crypto);
    for (let i = 0; i < size; i++) tree.append(w.seed(`leaf ${i}`));
    return {
      size,
      root: toHex(tree.root()),
      inclusion: Array.from({ length: size }, (_, i) => tree.inclusion(i).map(toHex)),
      consistency: Array.from({ length: size + 1 }, (_, old) => tree.consistency(old).map(toHex)),
    };
  });
  return {
    about:
      'RFC 9162 trees over the same leaf hashes: root, every inclusion path, every consistency path from a smaller size.',
    leaves: Array.from({ length: 17 }, (_, i) => toHex(w.seed(`leaf ${i}`))),
    sizes,
  };
}

function proofFile(w: World, s: Samples): Json {
  const bytes = buildBundle(w, s);
  const trust = { owners: [w.owner.thumbprint], signers: [w.ledger.thumbprint] };
  return {
    about: 'One proof bundle, its trust anchors and the verdict.',
    hex: toHex(bytes),
    trust: project(trust),
    verdict: project(verifyProof(bytes, trust, w.crypto)),
  };
}

const text = (value: Json) => `${JSON.stringify(value, null, 1)}\n`;

/** Every file of `vectors/` by its name. `crypto` must sign deterministically. */
export async function allVectors(crypto: CryptoProvider): Promise<{ readonly [name: string]: string }> {
  const w = createWorld(crypto);
  const s = await createSamples(w);
  return {
    'messages.json': text(messagesFile(w, s)),
    'refusals.json': text(await refusalsFile(w, s)),
    'key-schedule.json': text(keyScheduleFile(w, s)),
    'trees.json': text(treesFile(w)),
    'proof.json': text(proofFile(w, s)),
  };
}
