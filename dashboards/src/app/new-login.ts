import type { NewLoginReply } from '@pulseseal/protocol';
import { jsonOf } from './ports.ts';
import type { AppContext } from './store/context.ts';

export interface NewLogin {
  readonly code: string;
  /** What follows the board's own address. */
  readonly fragment: string;
}

/** @param patient whose family it is for; null = a clinician. @returns what to tell the person where there is no login */
export async function makeLogin(app: AppContext, patient: string | null): Promise<NewLogin | string> {
  const body = patient === null ? { role: 'clinician' } : { role: 'caregiver', patients: [patient] };
  try {
    const reply = await app.ports.request('/api/logins', { token: app.session.token, body });
    const { code, role } = (jsonOf(reply) ?? {}) as Partial<NewLoginReply>;
    if (reply.status === 200 && typeof code === 'string' && role !== undefined)
      return { code, fragment: `#${new URLSearchParams({ login: code, role })}` };
    if (reply.status === 401) return 'Your session ended. Sign in again.';
    if (reply.status === 403) return 'Write your name first: it is kept who lets whom in.';
    if (reply.status === 429) return 'Too many in one minute. Wait a minute, then try again.';
    return `There is no new login: the server refused (${reply.status}). Try again.`;
  } catch {
    return 'There is no new login: the server does not answer. Try again.';
  }
}
