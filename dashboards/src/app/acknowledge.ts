import type { ShownAlert } from '@pulseseal/protocol';
import { jsonOf } from './ports.ts';
import { settings } from './settings.ts';
import type { AppContext } from './store/context.ts';

/** @returns null when the server took it, else what to tell the person. */
export async function acknowledge(app: AppContext, alert: ShownAlert, comment: string): Promise<string | null> {
  try {
    const reply = await app.ports.request(`/api/alerts/${encodeURIComponent(alert.id)}/acknowledge`, {
      token: app.session.token,
      body: { comment: comment.trim().slice(0, settings.maxCommentChars) },
    });
    if (reply.status >= 200 && reply.status < 300) {
      // The answer may carry the alert as it is now; the feed repeats it either way.
      const body = jsonOf(reply) as { alert?: ShownAlert } | ShownAlert | undefined;
      const changed = body !== undefined && 'alert' in body ? body.alert : (body as ShownAlert | undefined);
      if (changed?.id === alert.id && changed.state !== undefined) app.feed.accept({ type: 'alert', alert: changed });
      return null;
    }
    if (reply.status === 401) return 'Your session ended. Sign in again, then acknowledge.';
    if (reply.status === 403) return 'Not acknowledged: write your name first.';
    if (reply.status === 404 || reply.status === 409) return 'This alert is no longer open.';
    return `Not acknowledged: the server refused (${reply.status}). Try again.`;
  } catch {
    return 'Not acknowledged: the server does not answer. Try again, or use the telephone.';
  }
}
