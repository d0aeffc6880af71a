import { attempt, type Keys, type Message, parseMessage, type Signed } from '@pulseseal/protocol';
import type { BoxCode } from './claim.ts';
import { agentLimits } from './limits.ts';
import type { LocalLink } from './ports.ts';

export interface SessionHandlers {
  /** The request to send for this nonce. */
  claim(nonce: Uint8Array, code: BoxCode): Uint8Array;
  /** Both answers are there; throws a Failure when they are not right. */
  answered(devcert: Signed<'devcert'>, ack: Signed<'claimack'>, code: BoxCode): void;
  opening(openBytes: Uint8Array, link: LocalLink): string | undefined;
  keys(keys: Keys): Promise<string | undefined>;
  refused(reason: string): void;
  failed(error: unknown): void;
}

/** One connection to one device. With a box code it claims the device; without, it serves one that is claimed. */
export function serveLink(link: LocalLink, code: BoxCode | undefined, handlers: SessionHandlers): void {
  let devcert: Signed<'devcert'> | undefined;
  let refusals = 0;
  let isClaiming = code !== undefined;
  const refuse = (reason: string) => {
    handlers.refused(reason);
    if (++refusals >= agentLimits.maxLinkRefusals) link.close();
  };
  const take = (message: Message): void => {
    if (message.kind === 'lost') {
      if (isClaiming && code !== undefined) link.send(handlers.claim(message.nonce, code));
      return;
    }
    if (message.kind === 'opening') {
      const refusal = handlers.opening(message.open, link);
      if (refusal !== undefined) refuse(refusal);
      return;
    }
    if (message.kind === 'keys') {
      handlers.keys(message).then((refusal) => {
        if (refusal !== undefined) refuse(refusal);
      }, handlers.failed);
      return;
    }
    if (message.kind !== 'signed') refuse('unknown-kind');
    else if (message.typ === 'devcert') devcert = message;
    else if (message.typ === 'claimack' && isClaiming && code !== undefined && devcert !== undefined) {
      isClaiming = false;
      handlers.answered(devcert, message, code);
    } else refuse('unknown-kind');
  };
  link.onMessage((bytes) => {
    const parsed = attempt(() => parseMessage(bytes, agentLimits.maxMessageBytes));
    if (!parsed.ok) {
      refuse(parsed.refusal);
      return;
    }
    try {
      take(parsed.value);
    } catch (error) {
      handlers.failed(error);
    }
  });
}
