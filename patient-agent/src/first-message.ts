import { agentLimits } from './limits.ts';
import type { LocalLink } from './ports.ts';

/** The first message, and a link that goes on behind it (with it again, when it was an ordinary one). */
export function splitFirst(
  link: LocalLink,
): readonly [Promise<Uint8Array>, (again: Uint8Array | undefined) => LocalLink] {
  const waiting: Uint8Array[] = [];
  let handler: ((bytes: Uint8Array) => void) | undefined;
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  let isFirst = true;
  link.onMessage((bytes) => {
    if (isFirst) resolve(bytes);
    else if (handler !== undefined) handler(bytes);
    else if (waiting.length < agentLimits.maxLinkRefusals) waiting.push(bytes);
    else link.close();
    isFirst = false;
  });
  const rest = (again: Uint8Array | undefined): LocalLink => ({
    ...link,
    onMessage(next) {
      handler = next;
      for (const bytes of again === undefined ? waiting : [again, ...waiting]) next(bytes);
      waiting.length = 0;
    },
  });
  return [promise, rest];
}
