import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex } from '@pulseseal/crypto';
import { connectLedger, type Ledger } from '@pulseseal/ledger';
import { createFileAgentStore, createPatientAgent, defaultPolicy } from '@pulseseal/patient-agent';
import { scopeChain } from '@pulseseal/protocol';
import { createSystemClock } from '@pulseseal/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Invitation } from '../../src/processes/contracts.ts';
import { openZone } from '../../src/processes/zone.ts';
import { openDataFolder } from '../../src/start/circle.ts';
import { startOptions } from '../../src/start/options.ts';
import { type System, startSystem } from '../../src/start/supervisor.ts';
import { createSecretScan, memoryUnreadable } from '../support/secret-scan.ts';

/** The product as `pulseseal start` runs it: its own devices, agents and people. */
describe('the running system', () => {
  const clock = createSystemClock();
  let dir: string;
  let system: System;
  let release: () => Promise<void>;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'whole-'));
    const portBase = String(await freeBase(23_000 + (process.pid % 50) * 20));
    const options = startOptions({ patients: '3', data: join(dir, 'data'), portBase, json: true }, dir);
    const folder = await openDataFolder(options, clock.nowMs());
    release = folder.release;
    const nothing = () => {};
    system = await startSystem(options, folder, clock, {
      alert: nothing,
      reading: nothing,
      began: nothing,
      progress: nothing,
    });
  }, 60_000);
  afterAll(async () => {
    await system?.stop();
    await release?.();
    await rm(dir, { recursive: true, force: true });
  }, 30_000);

  it('goes through the renewal of prekeys while it runs: nothing is due yet, so nothing changes', async () => {
    const first = await system.children.care.call<readonly Invitation[]>('renew');
    await system.children.body.call('renew', first);
    expect(first.map(({ patient }) => patient)).toEqual(system.people.map(({ patient }) => patient));
    expect(await system.children.care.call('renew')).toEqual(first);
  });

  it('keeps people’s names and the secrets of their own vaults out of edge and ledger: memory and folders', async () => {
    await new Promise((resolve) => setTimeout(resolve, 6_000));
    const keys = await vaultKeys(join(dir, 'data', 'body'), system.people);
    // Three people with three devices each, three scopes or so an epoch; each with its first segments' keys.
    expect(keys.length).toBeGreaterThan(50);
    const names = system.people.map((person) => person.name);
    expect(names.length).toBe(3);
    const scan = createSecretScan({ values: [], names, keys });
    for (const zone of ['edge', 'ledger'] as const) {
      const unreadable = memoryUnreadable(system.children[zone].pid);
      if (unreadable !== undefined) {
        console.warn(`SKIPPED: ${unreadable}`);
        break;
      }
      const { found, sizeBytes } = scan.memory(system.children[zone].pid);
      expect(sizeBytes).toBeGreaterThan(20_000_000);
      expect([zone, ...found]).toEqual([zone]);
    }
    for (const zone of ['edge', 'ledger'] as const) {
      const { found, sizeBytes } = scan.folder(join(dir, 'data', zone));
      expect(sizeBytes).toBeGreaterThan(50_000);
      expect([zone, ...found]).toEqual([zone]);
    }
    // The ward, which may read, does hold both: the scan looks for the right thing.
    const ward = scan.memory(system.children.care.pid).found;
    expect([...ward].some((what) => what.startsWith('name'))).toBe(true);
    expect([...ward].some((what) => what.startsWith('key'))).toBe(true);
  }, 90_000);

  /** Secrets of every epoch, from a copy of the agents' vaults: the owner's own view of them. */
  async function vaultKeys(bodyDir: string, people: System['people']): Promise<Uint8Array[]> {
    const copy = join(dir, 'copy');
    await cp(bodyDir, copy, { recursive: true });
    const base = await openZone('body', { dir: copy, scale: { originMs: clock.nowMs(), speed: 1 }, logLevel: 'error' });
    const ledger: Ledger = connectLedger({ url: 'https://127.0.0.1:1', spkiHash: new Uint8Array(32), clock });
    const keys: Uint8Array[] = [];
    for (const { patient } of people) {
      const store = createFileAgentStore(join(copy, 'agents'), patient);
      const ports = { ...base, store, ledger, gateway: { publish: async () => {} }, manufacturers: [] };
      const agent = await createPatientAgent(ports, { name: `agent.${patient}`, policy: defaultPolicy });
      for (const epoch of agent.vault.list()) {
        const oh = fromHex(epoch.oh);
        for (const es of agent.vault.secrets(oh)?.values() ?? []) {
          const chain = scopeChain(es, oh, base.crypto);
          keys.push(es.slice(), chain.export().ck.slice(), chain.take(0).secret.slice(), chain.take(1).secret.slice());
        }
      }
      await agent.stop();
    }
    await ledger.close();
    return keys;
  }
});

/** A base behind which ten ports are free just now. */
async function freeBase(from: number): Promise<number> {
  for (let base = from; base < from + 1_000; base += 20) {
    const free = await Promise.all(Array.from({ length: 10 }, (_, i) => isFree(base + i)));
    if (free.every((one) => one)) return base;
  }
  throw new Error('no free ports');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
