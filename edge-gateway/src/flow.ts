import { Refusal } from '@pulseseal/protocol';
import { ownsRid, publishRight } from './access.ts';
import type { Border } from './border.ts';
import type { InboundPacket, PublishVerdict } from './ports.ts';
import type { ClientSession } from './state.ts';
import { refused } from './steps/answer.ts';
import { receiveControl } from './steps/control.ts';
import { receiveFrame } from './steps/frame.ts';
import { receiveOpenChannel } from './steps/open.ts';
import { receivePapers } from './steps/papers.ts';
import type { RecipientDesk } from './steps/recipient.ts';

/**
 * The checks of each channel in their order, cheapest first. The steps hold to it and `test/refusals.test.ts` holds the
 * steps: a message that breaks two rules is refused by the earlier one.
 */
export const FLOW = {
  all: ['session', 'rate', 'topic-denied'],
  u: [
    'too-large',
    'parse',
    'not-endorsed',
    'revoked-device',
    'unknown-epoch',
    'use-bulk',
    'mac-fail',
    'out-of-range',
    'received set',
    'journal',
    'acknowledge',
    'index',
    'forward',
    'leaf',
  ],
  o: [
    'parse',
    'revoked-device',
    'not-endorsed',
    'topic-mismatch',
    'rate',
    'counter',
    'beacon',
    'suite',
    'lane',
    'endorsement',
    'signature',
    'manifest',
    'unwrap',
    'journal',
    'acknowledge',
    'accept',
  ],
  c: [
    'parse',
    'not-endorsed',
    'revoked-device',
    'unknown-epoch',
    'use-bulk',
    'mac-fail',
    'content',
    'signature',
    'chain',
    'journal',
    'acknowledge',
    'log',
    'root',
  ],
  e: [
    'parse',
    'key-mismatch',
    'topic-mismatch',
    'topic-denied',
    'expired',
    'revoked-device',
    'rate',
    'owner-mismatch',
    'signature',
    'journal',
    'acknowledge',
  ],
  m: [
    'parse',
    'unknown-device',
    'topic-mismatch',
    'topic-denied',
    'revoked-device',
    'manifest-stale',
    'rate',
    'owner-mismatch',
    'signature',
    'journal',
    'acknowledge',
  ],
  /** An ask; of a rack the rate is looked at behind its reader. */
  a: ['topic-denied', 'parse', 'rate', 'unknown-epoch', 'not-listed', 'answer'],
} as const;

export type PublishHandler = (
  session: ClientSession,
  packet: InboundPacket,
  done: (verdict: PublishVerdict) => void,
) => void;

/** Every publish comes in here. Limits before crypto; then the channel's own steps. */
export function createFlow(border: Border, desk: RecipientDesk): PublishHandler {
  return (session, packet, done) => {
    const { topic, payload } = packet;
    if (!session.publishes.take(border.wall.monotonicMs())) {
      const waitMs = session.publishes.waitMs(border.wall.monotonicMs());
      return done(refused(border, session, new Refusal('rate'), { eh: new Uint8Array(8), waitMs }));
    }
    // The hot path first: one comparison of strings.
    if (topic === session.topics.up) return receiveFrame(border, session, payload, done);
    const right = publishRight(session, topic);
    if (right === undefined) return done(refused(border, session, new Refusal('topic-denied')));
    switch (right.kind) {
      case 'device':
        return right.channel === 'c'
          ? receiveControl(border, session, payload, done)
          : receiveOpenChannel(border, session, payload, done);
      case 'papers':
        return receivePapers(border, session, right.device, right.channel, payload, done);
      case 'grant':
      case 'ask':
        void fromPeer(border, desk, session, right, payload, done);
    }
  };
}

/** Recipients on `a`; agents on `g`, whose grants are sealed to the recipient and go on as they are. */
async function fromPeer(
  border: Border,
  desk: RecipientDesk,
  session: ClientSession,
  right: { readonly kind: 'ask' | 'grant'; readonly rid: string },
  payload: Uint8Array,
  done: (verdict: PublishVerdict) => void,
): Promise<void> {
  try {
    const bytes = payload.slice();
    if (right.kind === 'ask') {
      if (!(await ownsRid(border, session, right.rid))) throw new Refusal('topic-denied');
      await desk.receive(right.rid, bytes);
    } else await border.passGrant(session, right.rid, bytes);
    done('acknowledge');
  } catch (error) {
    done(refused(border, session, error));
  }
}
