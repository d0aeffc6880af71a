import type { Clock } from '@pulseseal/runtime';
import type { Child } from '../processes/child.ts';
import type { Invitation } from '../processes/contracts.ts';

/** Often against the life of a prekey: the ward makes the next one when less than half of it is left. */
export const RENEW_PERIOD_MS = 6 * 3_600_000;

/**
 * The ward's prekeys go on while the system runs: the next ones reach the ledger and the patients' agents, who sign them
 * into their manifests. Without it a ward that is not restarted for a week would be left out of every wrap.
 */
export function renewPrekeys(wall: Clock, care: Pick<Child, 'call'>, body: Pick<Child, 'call'>): () => void {
  return wall.every(RENEW_PERIOD_MS, () => {
    care
      .call<readonly Invitation[]>('renew')
      .then((invitations) => body.call('renew', invitations))
      // The next turn tries again; a zone that has ended ends the system by itself.
      .catch(() => {});
  });
}
