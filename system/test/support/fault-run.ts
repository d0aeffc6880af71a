import { createServer } from 'node:net';
import { createSeededRandom } from '@pulseseal/runtime';

/** A seed of its own for each run, printed; `PULSESEAL_SEED` runs the same again. */
export function seededRun(what: string): ReturnType<typeof createSeededRandom> {
  const seed = Number(process.env.PULSESEAL_SEED ?? '') || Math.floor(Math.random() * 2 ** 31);
  say(`${what}: seed ${seed} (PULSESEAL_SEED=${seed} draws the same again)`);
  return createSeededRandom(seed);
}

export const say = (text: string): void => void process.stderr.write(`${text}\n`);
export const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export async function eventually(what: string, test: () => boolean | Promise<boolean>, waitMs: number): Promise<void> {
  const endMs = performance.now() + waitMs;
  while (!(await test())) {
    if (performance.now() > endMs) throw new Error(`${what}: not within ${waitMs} ms`);
    await rest(25);
  }
}
