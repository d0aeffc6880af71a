import { PREKEY_LIFE_MS } from '@pulseseal/stream-processor';
import { createManualClock } from '@pulseseal/testkit';
import { expect, it } from 'vitest';
import { RENEW_PERIOD_MS, renewPrekeys } from '../src/start/renewal.ts';

it('hands the ward’s next prekeys to the agents while the system runs, also after a turn that failed', async () => {
  const clock = createManualClock();
  const calls: string[] = [];
  let isAway = true;
  const zone = (name: string) => ({
    async call<Answer>(what: string, value?: unknown): Promise<Answer> {
      calls.push(`${name} ${what}`);
      if (isAway) throw new Error('away');
      return (value ?? ['an invitation']) as Answer;
    },
  });
  const stop = renewPrekeys(clock, zone('care'), zone('body'));
  await clock.advanceAsync(RENEW_PERIOD_MS);
  expect(calls).toEqual(['care renew']);
  isAway = false;
  await clock.advanceAsync(RENEW_PERIOD_MS);
  expect(calls).toEqual(['care renew', 'care renew', 'body renew']);
  stop();
  await clock.advanceAsync(2 * RENEW_PERIOD_MS);
  expect(calls.length).toBe(3);
  // A few failed turns cost no reading: the next prekey is made when half of the life is left.
  expect(RENEW_PERIOD_MS).toBeLessThan(PREKEY_LIFE_MS / 2 / 10);
});
