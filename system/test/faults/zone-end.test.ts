import { fork } from 'node:child_process';
import { createNativeCrypto } from '@pulseseal/crypto';
import { createMessageSigner } from '@pulseseal/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FromZone, ToZone } from '../../src/processes/ipc.ts';
import type { LedgerZoneSettings } from '../../src/processes/ledger.ts';
import { scratchFolder } from '../support/run.ts';
import { ZONE_PROGRAM } from '../support/zone-child.ts';

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
beforeAll(async () => {
  scratch = await scratchFolder('zone-end');
});
afterAll(() => scratch?.remove());

it.each([
  ['fails', `throw new Error('no');`],
  ['never ends', ''],
])(
  'a zone whose stop %s is gone all the same soon after its supervisor',
  async (name, close) => {
    const fault = `import { Server } from 'node:net'; Server.prototype.close = function () { ${close} };`;
    const child = fork(ZONE_PROGRAM, ['ledger'], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: ['--import', `data:text/javascript,${encodeURIComponent(fault)}`],
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const settings: LedgerZoneSettings = {
      dir: `${scratch.dir}/${name}`,
      scale: { originMs: 0, speed: 1 },
      logLevel: 'warn',
      port: 0,
      operatorKey: createMessageSigner('ML-DSA-65', new Uint8Array(32), createNativeCrypto()).key,
    };
    try {
      await new Promise<void>((resolve, reject) => {
        child.on('message', (said) => ((said as FromZone).kind === 'ready' ? resolve() : reject(said)));
        child.send({ kind: 'start', settings } satisfies ToZone);
      });
      child.disconnect();
      expect(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 12_000, 'still there'))])).toBe(1);
    } finally {
      child.kill('SIGKILL');
    }
  },
  40_000,
);
