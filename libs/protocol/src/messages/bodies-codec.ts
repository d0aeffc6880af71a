import { toHex } from '@pulseseal/crypto/browser';
import { type Reader, Writer } from '../cbor.ts';
import { parseThumbprintText, readCoseKey, thumbprintText, writeCoseKey } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { demand, refuse } from '../refusal.ts';
import type {
  Act,
  Beacon,
  BeaconLimits,
  Block,
  BodyMap,
  Claimack,
  Claimreq,
  Cwt,
  Manifest,
  ManifestRecipient,
  RecipientRole,
  Release,
  ReleasedSecret,
  Resync,
  Sth,
  Token,
  Typ,
} from './bodies.ts';
import { closeCodec } from './close-codec.ts';
import { openCodec } from './open-codec.ts';

/** One body's two directions: what `write` prints, `read` parses, and nothing else. */
export interface BodyCodec<B> {
  write(w: Writer, body: B): void;
  read(r: Reader): B;
}

/** Checks the type letter that every body but a CWT begins with (SPEC clause ENC-7). */
export function letter(r: Reader, expected: string): void {
  demand(r.text(8) === expected, 'wrong-typ');
}

export function writeLimits(w: Writer, l: BeaconLimits): void {
  w.array(5).uint(l.maxFrameBytes).uint(l.maxCount).uint(l.maxSegmentMs).uint(l.skewMs).uint(l.maxRecipients);
}

export function readLimits(r: Reader): BeaconLimits {
  r.arrayOf(5);
  return {
    maxFrameBytes: r.uint(LIMITS.messageBytes),
    maxCount: r.uint(LIMITS.segmentFrames),
    maxSegmentMs: r.uint(),
    skewMs: r.uint(),
    maxRecipients: r.uint(LIMITS.recipients),
  };
}

/** A name listed twice would let two readers of one message pick different entries (SPEC clause MSG-2). */
function distinct<T>(list: T[], name: (item: T) => number | string): T[] {
  demand(new Set(list.map(name)).size === list.length, 'duplicate-key');
  return list;
}

const readSuites = (r: Reader) =>
  distinct(
    r.list(LIMITS.suites, 1, () => r.uint()),
    (suite) => suite,
  );

const h32OrNull = (r: Reader) => r.orNull(() => r.bytesOf(32));

const beacon: BodyCodec<Beacon> = {
  write(w, b) {
    w.map(11).uint(1).text('b').uint(2).bytes(b.gateway).uint(3).uint(b.serial).uint(4).uint(b.validFromMs);
    w.uint(5).uint(b.validUntilMs).uint(6).bytes(b.prekey);
    w.uint(7)
      .list(b.suites, (s) => w.uint(s))
      .uint(8);
    writeLimits(w, b.limits);
    w.uint(9).bytesOrNull(b.credentialHash).uint(10);
    writeCoseKey(w, b.key);
    w.uint(11).bytesOrNull(b.tlsSpkiHash);
  },
  read(r) {
    const f = r.fields(11);
    f.required(1, () => letter(r, 'b'));
    const body: Beacon = {
      gateway: f.required(2, () => r.bytesOf(32)),
      serial: f.required(3, () => r.uint(LIMITS.serial)),
      validFromMs: f.required(4, () => r.time()),
      validUntilMs: f.required(5, () => r.time()),
      prekey: f.required(6, () => r.bytesOf(1216)),
      suites: f.required(7, () => readSuites(r)),
      limits: f.required(8, () => readLimits(r)),
      credentialHash: f.required(9, () => h32OrNull(r)),
      key: f.required(10, () => readCoseKey(r)),
      tlsSpkiHash: f.required(11, () => h32OrNull(r)),
    };
    f.done();
    const lifeMs = body.validUntilMs - body.validFromMs;
    demand(lifeMs > 0 && lifeMs <= LIMITS.beaconLifeMs, 'out-of-range');
    return body;
  },
};

function writeRecipient(w: Writer, e: ManifestRecipient): void {
  w.array(7)
    .bytes(e.rid)
    .uint(e.prekeyId)
    .bytes(e.prekey)
    .list(e.scopes, (s) => w.uint(s));
  w.uint(e.expiresMs).bytes(e.consent).uint(e.role);
}

function readRecipient(r: Reader): ManifestRecipient {
  r.arrayOf(7);
  const entry = {
    rid: r.bytesOf(8),
    prekeyId: r.uint(LIMITS.serial),
    prekey: r.bytesOf(1216),
    scopes: r.list(LIMITS.scopes, 1, () => r.uint(LIMITS.scopeId)),
    expiresMs: r.time(),
    consent: r.bytesOf(32),
    role: r.uint(2) as RecipientRole,
  };
  demand(entry.scopes[0] === 0, 'scope-mismatch');
  for (let i = 1; i < entry.scopes.length; i++) demand(entry.scopes[i]! > entry.scopes[i - 1]!, 'not-canonical');
  return entry;
}

const manifest: BodyCodec<Manifest> = {
  write(w, m) {
    w.map(12).uint(1).text('m').uint(2).bytes(m.pseudonym).uint(3).bytes(m.device).uint(4).uint(m.version);
    w.uint(5).uint(m.validFromMs).uint(6).uint(m.validUntilMs);
    w.uint(7).list(m.recipients, (e) => writeRecipient(w, e));
    w.uint(8)
      .list(m.suites, (s) => w.uint(s))
      .uint(9)
      .bytesOrNull(m.previous)
      .uint(10)
      .bytes(m.consentRoot);
    w.uint(11).array(3).uint(m.policy.maxEpochS).uint(m.policy.rekeyGraceS).uint(m.policy.maxStaleS);
    w.uint(12).list(m.gateways, (g) => w.bytes(g));
  },
  read(r) {
    const f = r.fields(12);
    f.required(1, () => letter(r, 'm'));
    const body: Manifest = {
      pseudonym: f.required(2, () => r.bytesOf(16)),
      device: f.required(3, () => r.bytesOf(32)),
      version: f.required(4, () => r.uint()),
      validFromMs: f.required(5, () => r.time()),
      validUntilMs: f.required(6, () => r.time()),
      recipients: f.required(7, () =>
        distinct(
          r.list(LIMITS.recipients, 1, () => readRecipient(r)),
          (e) => toHex(e.rid),
        ),
      ),
      suites: f.required(8, () => readSuites(r)),
      previous: f.required(9, () => h32OrNull(r)),
      consentRoot: f.required(10, () => r.bytesOf(32)),
      policy: f.required(11, () => {
        r.arrayOf(3);
        return { maxEpochS: r.uint(), rekeyGraceS: r.uint(), maxStaleS: r.uint() };
      }),
      gateways: f.required(12, () =>
        distinct(
          r.list(LIMITS.gateways, 1, () => r.bytesOf(32)),
          toHex,
        ),
      ),
    };
    f.done();
    return body;
  },
};

const sth: BodyCodec<Sth> = {
  write(w, s) {
    w.map(9)
      .uint(1)
      .text('t')
      .uint(2)
      .bytes(s.gateway)
      .uint(3)
      .bytes(s.logId)
      .uint(4)
      .uint(s.size)
      .uint(5)
      .bytes(s.root);
    w.uint(6)
      .uint(s.batch)
      .uint(7)
      .bytesOrNull(s.previous)
      .uint(8)
      .uint(s.firstArrivalMs)
      .uint(9)
      .uint(s.lastArrivalMs);
  },
  read(r) {
    const f = r.fields(9);
    f.required(1, () => letter(r, 't'));
    const body: Sth = {
      gateway: f.required(2, () => r.bytesOf(32)),
      logId: f.required(3, () => r.bytesOf(32)),
      size: f.required(4, () => r.uint()),
      root: f.required(5, () => r.bytesOf(32)),
      batch: f.required(6, () => r.uint()),
      previous: f.required(7, () => h32OrNull(r)),
      firstArrivalMs: f.required(8, () => r.time()),
      lastArrivalMs: f.required(9, () => r.time()),
    };
    f.done();
    return body;
  },
};

/** Wire key of the issuer's public key in endorse and session; not yet assigned by IANA. */
const ISSUER_KEY = -70001;
const LAST_SECOND = Math.floor(LIMITS.timeMs / 1000);

function cwt(kind: 'devcert' | 'endorse' | 'session'): BodyCodec<Cwt> {
  const carriesIssuer = kind !== 'devcert';
  return {
    write(w, c) {
      const optional = [c.ueid, c.hardwareModel, c.softwareName].filter((x) => x !== undefined).length;
      if (carriesIssuer !== (c.issuerKey !== undefined) || (carriesIssuer && optional > 0))
        throw new RangeError(`not a ${kind}`);
      w.map(5 + optional + (carriesIssuer ? 1 : 0));
      w.uint(1).text(thumbprintText(c.issuer)).uint(2).text(thumbprintText(c.subject)).uint(4).uint(c.expiresS);
      w.uint(6).uint(c.issuedS).uint(8).map(1).uint(1);
      writeCoseKey(w, c.key);
      if (c.ueid !== undefined) w.uint(256).bytes(c.ueid);
      if (c.hardwareModel !== undefined) w.uint(259).bytes(c.hardwareModel);
      if (c.softwareName !== undefined) w.uint(270).text(c.softwareName);
      if (c.issuerKey !== undefined) {
        w.int(ISSUER_KEY);
        writeCoseKey(w, c.issuerKey);
      }
    },
    read(r) {
      const f = r.fields(9);
      const issuer = f.required(1, () => parseThumbprintText(r.text(43)));
      const subject = f.required(2, () => parseThumbprintText(r.text(43)));
      const expiresS = f.required(4, () => r.uint(LAST_SECOND));
      const issuedS = f.required(6, () => r.uint(LAST_SECOND));
      const key = f.required(8, () => {
        // cnf (RFC 8747) with the one member COSE_Key.
        const cnf = r.fields(1);
        const subjectKey = cnf.required(1, () => readCoseKey(r));
        cnf.done();
        return subjectKey;
      });
      const ueid = carriesIssuer ? undefined : f.optional(256, () => r.byteString(64));
      const hardwareModel = carriesIssuer ? undefined : f.optional(259, () => r.byteString(64));
      const softwareName = carriesIssuer ? undefined : f.optional(270, () => r.text(64));
      const issuerKey = carriesIssuer ? f.required(ISSUER_KEY, () => readCoseKey(r)) : undefined;
      f.done();
      return {
        issuer,
        subject,
        expiresS,
        issuedS,
        key,
        ...(ueid === undefined ? {} : { ueid }),
        ...(hardwareModel === undefined ? {} : { hardwareModel }),
        ...(softwareName === undefined ? {} : { softwareName }),
        ...(issuerKey === undefined ? {} : { issuerKey }),
      };
    },
  };
}

const claimreq: BodyCodec<Claimreq> = {
  write(w, c) {
    w.map(7).uint(1).text('q').uint(2).bytes(c.attestationKey).uint(3).bytes(c.owner).uint(4);
    writeCoseKey(w, c.ownerKey);
    w.uint(5).bytes(c.pseudonym).uint(6).bytes(c.nonce).uint(8).bytes(c.mac);
  },
  read(r) {
    const f = r.fields(7);
    f.required(1, () => letter(r, 'q'));
    const body: Claimreq = {
      attestationKey: f.required(2, () => r.bytesOf(32)),
      owner: f.required(3, () => r.bytesOf(32)),
      ownerKey: f.required(4, () => readCoseKey(r)),
      pseudonym: f.required(5, () => r.bytesOf(16)),
      nonce: f.required(6, () => r.bytesOf(16)),
      mac: f.required(8, () => r.bytesOf(32)),
    };
    f.done();
    return body;
  },
};

const claimack: BodyCodec<Claimack> = {
  write(w, c) {
    w.map(c.evidence === undefined ? 5 : 6)
      .uint(1)
      .text('a')
      .uint(2)
      .bytes(c.attestationKey)
      .uint(3)
      .bytes(c.claimHash)
      .uint(4);
    writeCoseKey(w, c.key);
    w.uint(5).uint(c.boot);
    if (c.evidence !== undefined) w.uint(6).bytes(c.evidence);
  },
  read(r) {
    const f = r.fields(6);
    f.required(1, () => letter(r, 'a'));
    const attestationKey = f.required(2, () => r.bytesOf(32));
    const claimHash = f.required(3, () => r.bytesOf(32));
    const key = f.required(4, () => readCoseKey(r));
    const boot = f.required(5, () => r.uint());
    const evidence = f.optional(6, () => r.byteString(16_384));
    f.done();
    return { attestationKey, claimHash, key, boot, ...(evidence === undefined ? {} : { evidence }) };
  },
};

function writeSecret(w: Writer, s: ReleasedSecret): void {
  if (s.kind === 'epoch') w.array(2).uint(0).bytes(s.es);
  else if (s.kind === 'from') w.array(3).uint(1).uint(s.segment).bytes(s.ck);
  else
    w.array(2)
      .uint(2)
      .uintMap(s.sk, (sk) => w.bytes(sk));
}

function readSecret(r: Reader): ReleasedSecret {
  const count = r.array(3, 2);
  const kind = r.uint(2);
  demand(count === (kind === 1 ? 3 : 2), 'wrong-length');
  if (kind === 0) return { kind: 'epoch', es: r.bytesOf(32) };
  if (kind === 1) return { kind: 'from', segment: r.uint(LIMITS.segment), ck: r.bytesOf(32) };
  return { kind: 'segments', sk: r.uintMap(LIMITS.segmentFrames, 1, LIMITS.segment, () => r.bytesOf(32)) };
}

const release: BodyCodec<Release> = {
  write(w, b) {
    w.map(b.card === undefined ? 5 : 6)
      .uint(1)
      .text('r')
      .uint(2)
      .bytes(b.oh)
      .uint(3)
      .uint(b.scope)
      .uint(4)
      .bytes(b.consent)
      .uint(5);
    writeSecret(w, b.secret);
    if (b.card !== undefined) w.uint(6).bytes(b.card);
  },
  read(r) {
    const f = r.fields(6);
    f.required(1, () => letter(r, 'r'));
    const oh = f.required(2, () => r.bytesOf(32));
    const scope = f.required(3, () => r.uint(LIMITS.scopeId));
    const consent = f.required(4, () => r.bytesOf(32));
    const secret = f.required(5, () => readSecret(r));
    const card = f.optional(6, () => r.byteString());
    f.done();
    return { oh, scope, consent, secret, ...(card === undefined ? {} : { card }) };
  },
};

const resync: BodyCodec<Resync> = {
  write(w, b) {
    w.map(6)
      .uint(1)
      .text('y')
      .uint(2)
      .bytes(b.device)
      .uint(3)
      .uint(b.boot)
      .uint(4)
      .uint(b.epoch)
      .uint(5)
      .bytes(b.nonce);
    w.uint(6).uint(b.timeMs);
  },
  read(r) {
    const f = r.fields(6);
    f.required(1, () => letter(r, 'y'));
    const body: Resync = {
      device: f.required(2, () => r.bytesOf(32)),
      boot: f.required(3, () => r.uint()),
      epoch: f.required(4, () => r.uint()),
      nonce: f.required(5, () => r.bytesOf(16)),
      timeMs: f.required(6, () => r.time()),
    };
    f.done();
    return body;
  },
};

const token: BodyCodec<Token> = {
  write(w, b) {
    w.map(5).uint(1).text('k').uint(2).bytes(b.identity).uint(3).bytes(b.gateway).uint(4).uint(b.expiresMs);
    w.uint(5).bytesOrNull(b.exporter);
  },
  read(r) {
    const f = r.fields(5);
    f.required(1, () => letter(r, 'k'));
    const body: Token = {
      identity: f.required(2, () => r.bytesOf(32)),
      gateway: f.required(3, () => r.bytesOf(32)),
      expiresMs: f.required(4, () => r.time()),
      exporter: f.required(5, () => h32OrNull(r)),
    };
    f.done();
    return body;
  },
};

const act: BodyCodec<Act> = {
  write(w, b) {
    w.map(5).uint(1).text('v').uint(2).text(b.fn).uint(3);
    w.list(b.args, (a) => {
      if (typeof a === 'string') w.text(a);
      else if (typeof a === 'number') w.uint(a);
      else w.bytes(a);
    });
    w.uint(4).uint(b.counter).uint(5).uint(b.timeMs);
  },
  read(r) {
    const f = r.fields(5);
    f.required(1, () => letter(r, 'v'));
    const body: Act = {
      fn: f.required(2, () => r.text(64)),
      args: f.required(3, () =>
        r.list(16, 0, () => {
          const major = r.peekMajor();
          if (major === 2) return r.byteString();
          if (major === 3) return r.text(256);
          return r.uint();
        }),
      ),
      counter: f.required(4, () => r.uint()),
      timeMs: f.required(5, () => r.time()),
    };
    f.done();
    return body;
  },
};

const block: BodyCodec<Block> = {
  write(w, b) {
    w.map(7).uint(1).text('l').uint(2).bytes(b.ledger).uint(3).uint(b.height).uint(4).bytes(b.previous);
    w.uint(5).uint(b.timeMs).uint(6).bytes(b.root).uint(7).uint(b.transactions);
  },
  read(r) {
    const f = r.fields(7);
    f.required(1, () => letter(r, 'l'));
    const body: Block = {
      ledger: f.required(2, () => r.bytesOf(32)),
      height: f.required(3, () => r.uint()),
      previous: f.required(4, () => r.bytesOf(32)),
      timeMs: f.required(5, () => r.time()),
      root: f.required(6, () => r.bytesOf(32)),
      transactions: f.required(7, () => r.uint()),
    };
    f.done();
    return body;
  },
};

/** Every signed body by its `typ`. */
export const bodyCodecs: { readonly [T in Typ]: BodyCodec<BodyMap[T]> } = {
  beacon,
  manifest,
  open: openCodec,
  close: closeCodec,
  sth,
  devcert: cwt('devcert'),
  endorse: cwt('endorse'),
  session: cwt('session'),
  claimreq,
  claimack,
  release,
  resync,
  token,
  act,
  block,
};

export function parseBody<T extends Typ>(typ: T, r: Reader): BodyMap[T] {
  const codec = bodyCodecs[typ];
  if (codec === undefined) refuse('wrong-typ');
  return codec.read(r);
}

export function encodeBody<T extends Typ>(typ: T, body: BodyMap[T]): Uint8Array {
  const w = new Writer(1024);
  bodyCodecs[typ].write(w, body);
  return w.finish();
}
