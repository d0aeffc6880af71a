import { createHash } from 'node:crypto';
import type { LoginReply, Role } from '@pulseseal/protocol';
import type { Clock, Random } from '@pulseseal/runtime';
import type { Viewer } from './desk.ts';
import { personName } from './person-name.ts';

/** Bounds of logins and sessions. */
export const sessionLimits = {
  /** 50 bits: 43,200 tries a day, all that the rate lets pass, find one of 100 codes with chance 4 in 10^9. */
  codeChars: 10,
  codeTtlMs: 24 * 3_600_000,
  /** A code that somebody asked for is typed or opened at once. */
  askedCodeTtlMs: 600_000,
  /** Codes that are asked for in a minute: by one session, and in all. */
  askedPerSession: 5,
  asked: 30,
  tokenBytes: 32,
  /** A shift of nursing, less than two. */
  tokenTtlMs: 14 * 3_600_000,
  sessions: 1000,
  codes: 1000,
  /** Failed logins a minute: from one address, and in all. */
  failuresPerAddress: 5,
  failures: 30,
  windowMs: 60_000,
  addresses: 1000,
} as const;

/** Whom a login code admits. */
export interface CodeGrant {
  readonly role: Role;
  /** `all` is for clinicians only. */
  readonly patients: 'all' | readonly string[];
}

export interface AskedCode {
  readonly code: string;
  readonly expiresAtMs: number;
}

export interface Sessions {
  /** A one-time code for one person, to be told on another way than this one. */
  issueCode(grant: CodeGrant): string;
  /** The same for somebody else, short-lived, asked for by the holder of this token; undefined when too many were lately. */
  askForCode(token: string, grant: CodeGrant): AskedCode | undefined;
  /** Takes a code that was made elsewhere (`newCode`) and of which only the hash is told. @returns when it ends */
  admitCode(codeHash: string, grant: CodeGrant): number;
  /** `login-refused` for a wrong, used or old code; `rate` when too many were wrong lately. A text that is no name names nobody. */
  login(code: string, person: string, address: string): LoginReply | 'login-refused' | 'rate';
  /** Who holds a token, or undefined. */
  viewer(token: string): Viewer | undefined;
  /** Who acts in this session from now on. @returns the name as it is kept, or undefined when it is none. */
  name(token: string, person: string): string | undefined;
  end(token: string): void;
}

// Crockford's base 32: the code is read from a screen and typed, so look-alikes mean the same.
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

function typed(code: string): string {
  return code.trim().toUpperCase().replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}

/** Secrets are held as hashes and found by hash: no comparison depends on how much of a guess is right. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** A one-time code and the hash by which it is known. */
export function newCode(random: Random): { readonly code: string; readonly codeHash: string } {
  let code = '';
  for (const byte of random.bytes(sessionLimits.codeChars)) code += alphabet[byte & 31];
  return { code, codeHash: hashOf(code) };
}

interface Session extends Viewer {
  readonly expiresAtMs: number;
}

export function createSessions(clock: Clock, random: Random): Sessions {
  const codes = new Map<string, CodeGrant & { readonly expiresAtMs: number }>();
  const sessions = new Map<string, Session>();
  const failuresByAddress = new Map<string, number[]>();
  let failures: number[] = [];
  let asked: { readonly session: string; readonly atMs: number }[] = [];

  const recent = (times: readonly number[]) => times.filter((at) => clock.nowMs() - at < sessionLimits.windowMs);
  const isLimited = (address: string) => {
    failures = recent(failures);
    return (
      failures.length >= sessionLimits.failures ||
      recent(failuresByAddress.get(address) ?? []).length >= sessionLimits.failuresPerAddress
    );
  };
  const noteFailure = (address: string) => {
    failures.push(clock.nowMs());
    const own = [...recent(failuresByAddress.get(address) ?? []), clock.nowMs()];
    failuresByAddress.delete(address);
    failuresByAddress.set(address, own);
    makeRoom(failuresByAddress, sessionLimits.addresses);
  };

  const keepCode = (codeHash: string, grant: CodeGrant, ttlMs: number): number => {
    const nowMs = clock.nowMs();
    for (const [known, { expiresAtMs }] of codes) if (expiresAtMs < nowMs) codes.delete(known);
    codes.set(codeHash, { ...grant, expiresAtMs: nowMs + ttlMs });
    makeRoom(codes, sessionLimits.codes);
    return nowMs + ttlMs;
  };

  return {
    issueCode(grant) {
      const { code, codeHash } = newCode(random);
      keepCode(codeHash, grant, sessionLimits.codeTtlMs);
      return code;
    },
    askForCode(token, grant) {
      const session = hashOf(token);
      const nowMs = clock.nowMs();
      asked = asked.filter(({ atMs }) => nowMs - atMs < sessionLimits.windowMs);
      const own = asked.filter((one) => one.session === session).length;
      if (own >= sessionLimits.askedPerSession || asked.length >= sessionLimits.asked) return undefined;
      asked.push({ session, atMs: nowMs });
      const { code, codeHash } = newCode(random);
      return { code, expiresAtMs: keepCode(codeHash, grant, sessionLimits.askedCodeTtlMs) };
    },
    admitCode: (codeHash, grant) => keepCode(codeHash, grant, sessionLimits.askedCodeTtlMs),
    login(code, said, address) {
      if (isLimited(address)) return 'rate';
      const key = hashOf(typed(code));
      const grant = codes.get(key);
      if (grant === undefined || grant.expiresAtMs < clock.nowMs()) {
        noteFailure(address);
        return 'login-refused';
      }
      codes.delete(key);
      const token = Buffer.from(random.bytes(sessionLimits.tokenBytes)).toString('base64url');
      const expiresAtMs = clock.nowMs() + sessionLimits.tokenTtlMs;
      const { role, patients } = grant;
      const person = personName(said) ?? '';
      sessions.set(hashOf(token), { person, role, patients, expiresAtMs });
      makeRoom(sessions, sessionLimits.sessions);
      return { token, role, person, expiresAtMs };
    },
    viewer(token) {
      const key = hashOf(token);
      const session = sessions.get(key);
      if (session === undefined) return undefined;
      if (session.expiresAtMs < clock.nowMs()) {
        sessions.delete(key);
        return undefined;
      }
      return session;
    },
    name(token, said) {
      const key = hashOf(token);
      const session = sessions.get(key);
      const person = personName(said);
      if (session === undefined || person === undefined) return undefined;
      sessions.set(key, { ...session, person });
      return person;
    },
    end(token) {
      sessions.delete(hashOf(token));
    },
  };
}

/** The oldest entries go first. */
function makeRoom(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
