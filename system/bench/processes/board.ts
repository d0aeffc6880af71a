import type { LiveMessage, LoginReply } from '@pulseseal/protocol';
import { sameClockMs } from '../lib/same-clock.ts';
import { serve } from '../lib/serve.ts';

/** A clinician's board without a screen: logs in, keeps the live socket open, reads every message. */
export interface SeenAlert {
  readonly patient: string;
  readonly rule: string;
  readonly state: string;
  readonly atMs: number;
}

const seen: SeenAlert[] = [];
let messages = 0;

serve({
  async join({ url, code }: { readonly url: string; readonly code: string }): Promise<void> {
    const reply = await fetch(`${url}/api/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ code, person: 'bench' }),
    });
    if (!reply.ok) throw new Error(`the board answered ${reply.status}`);
    const { token } = (await reply.json()) as LoginReply;
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/live`, [`pulseseal.${token}`]);
    const joined = Promise.withResolvers<void>();
    socket.onerror = () => joined.reject(new Error('the live socket was refused'));
    socket.onmessage = ({ data }) => {
      messages++;
      const message = JSON.parse(data as string) as LiveMessage;
      if (message.type === 'snapshot') joined.resolve();
      if (message.type !== 'alert') return;
      const { patient, rule, state } = message.alert;
      seen.push({ patient, rule, state, atMs: sameClockMs() });
    };
    await joined.promise;
  },
  seen: () => ({ alerts: seen, messages }),
});
