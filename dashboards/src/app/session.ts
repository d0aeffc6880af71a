import type { LoginReply, Role } from '@pulseseal/protocol';
import { jsonOf, type Ports } from './ports.ts';
import { settings } from './settings.ts';

export interface Session {
  readonly token: string;
  readonly role: Role;
  /** Written beside what this person acknowledges; empty until it was asked for. */
  readonly person: string;
  /** Wall time, milliseconds since 1970. */
  readonly expiresAtMs: number;
}

export type LoginResult =
  | { readonly ok: true; readonly session: Session }
  | { readonly ok: false; readonly message: string };

/** What a login address carries: `#login=CODE&role=clinician&person=NAME` (the last two may be missing). */
export interface LoginFragment {
  readonly code: string;
  readonly role: Role;
  readonly person: string | null;
}

export function parseLoginFragment(fragment: string): LoginFragment | undefined {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const code = fields.get('login');
  if (code === null || code === '' || code.length > 256) return undefined;
  const person = fields.get('person')?.trim().slice(0, settings.maxPersonChars);
  return {
    code,
    role: fields.get('role') === 'caregiver' ? 'caregiver' : 'clinician',
    person: person === undefined || person === '' ? null : person,
  };
}

/** Exchanges a one-time code for a token. The code is spent after this. */
export async function login(ports: Ports, code: string, said: string): Promise<LoginResult> {
  try {
    const reply = await ports.request('/api/login', { body: { code, person: said } });
    const body = jsonOf(reply);
    if (reply.status === 200 && isLoginReply(body)) {
      const { token, role, person, expiresAtMs } = body;
      const session: Session = { token, role, person, expiresAtMs };
      ports.session.set('session', JSON.stringify(session));
      return { ok: true, session };
    }
    return {
      ok: false,
      message:
        reply.status === 429
          ? 'Too many attempts. Wait a minute, then try again.'
          : 'This code is not valid: each code works once and for a short time. Ask for a new login address.',
    };
  } catch {
    return { ok: false, message: 'The server does not answer. Check that the system runs, then try again.' };
  }
}

/** Says who acts in this session from now on. @returns the session with the name as the server keeps it, else what to tell the person. */
export async function namePerson(ports: Ports, session: Session, said: string): Promise<Session | string> {
  const person = said.trim().slice(0, settings.maxPersonChars);
  try {
    const reply = await ports.request('/api/person', { token: session.token, body: { person } });
    const body = jsonOf(reply) as { person?: unknown } | undefined;
    if (reply.status === 200 && typeof body?.person === 'string') {
      const named: Session = { ...session, person: body.person };
      ports.session.set('session', JSON.stringify(named));
      return named;
    }
    if (reply.status === 400) return 'This cannot be taken for a name. Write it with letters.';
    if (reply.status === 401) return 'Your session ended. Sign in again.';
    return `The name was not taken (${reply.status}). Try again.`;
  } catch {
    return 'The name was not taken: the server does not answer. Try again.';
  }
}

export function savedSession(ports: Ports): Session | undefined {
  const text = ports.session.get('session');
  if (text === null) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isSession(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Forgets the token here, and asks the server to end it. */
export function endSession(ports: Ports, token: string): void {
  ports.session.set('session', null);
  // If the server is away, the token ends by its own time.
  void ports.request('/api/logout', { token, body: {} }).catch(() => undefined);
}

function isSession(value: unknown): value is Session {
  const session = value as Partial<Session> | null;
  return (
    typeof session === 'object' &&
    session !== null &&
    typeof session.token === 'string' &&
    typeof session.person === 'string' &&
    typeof session.expiresAtMs === 'number' &&
    (session.role === 'clinician' || session.role === 'caregiver')
  );
}

function isLoginReply(value: unknown): value is LoginReply {
  return isSession(value);
}
