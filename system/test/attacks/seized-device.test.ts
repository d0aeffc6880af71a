import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemoryKeyStore, createNativeCrypto, fromHex } from '@pulseseal/crypto';
import {
  createManufacturer,
  createMqttLink,
  listenLocalLink,
  stockDeviceKit,
  writeDeviceKit,
} from '@pulseseal/device-sim';
import { chestStrap } from '@pulseseal/firmware-profiles';
import { createMemoryAgentStore, createPatientAgent, defaultPolicy } from '@pulseseal/patient-agent';
import { scopeChain } from '@pulseseal/protocol';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { createWorld, until } from '../../../edge-gateway/test/world.ts';
import { createSecretScan, memoryUnreadable } from '../support/secret-scan.ts';

const PROGRAM = fileURLToPath(new URL('../support/lone-device.ts', import.meta.url));
const SEGMENTS = 6;
const ends: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

describe('a device in the hands of somebody else', () => {
  it('has no key of a segment before the current one, in memory or on its flash [KEY-5]', async () => {
    const [wall, random, crypto] = [createSystemClock(), createSystemRandom(), createNativeCrypto()];
    const world = await createWorld();
    ends.push(() => world.end());
    const dir = await mkdtemp(join(tmpdir(), 'seized-'));
    ends.push(() => rm(dir, { recursive: true, force: true }));
    const url = `mqtts://127.0.0.1:${world.address.tlsPort}`;
    const maker = createManufacturer(random.bytes(32), { wall, random, crypto });
    const link = createMqttLink({ clock: wall, random }, { url });
    ends.push(() => link.disconnect());
    const agent = await createPatientAgent(
      {
        keys: createMemoryKeyStore(wall),
        store: createMemoryAgentStore(),
        ledger: world.ledger,
        gateway: { publish: (topic, bytes) => link.publish(topic, bytes, 1) },
        manufacturers: [maker.key],
        wall,
        random,
        crypto,
      },
      { name: 'owner', policy: defaultPolicy },
    );
    ends.push(() => agent.stop());
    const password = (exporter: Uint8Array | undefined) => agent.password(world.address.thumbprint, exporter);
    link.connect({ clientId: agent.text, password }, { up: () => {}, down: () => {}, message: () => {} });
    const order = { scopes: [1], recipients: [], gateways: [world.address.thumbprint] };
    const desk = await listenLocalLink(0, (end) => agent.desk(end, order));
    ends.push(() => desk.close());
    stockDeviceKit(dir, ['lone-device'], chestStrap, maker);
    writeDeviceKit(dir, { broker: url, agent: `127.0.0.1:${(desk.address() as AddressInfo).port}` });

    const child = spawn(process.execPath, [PROGRAM, dir], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    ends.push(() => child.kill('SIGKILL') && ended);
    const segments = () => {
      const [device] = [...world.catalogue.devices()];
      const [epoch] = device === undefined ? [] : [...world.catalogue.epochs(device.number, 1)];
      return epoch === undefined ? 0 : [...world.catalogue.closes(epoch.id)].length;
    };
    await until(() => segments() >= SEGMENTS && agent.vault.list().length === 1, 30_000);
    child.kill('SIGSTOP');
    const closed = segments();

    // What the patient's own archive can derive is what the device must have forgotten.
    const [kept] = agent.vault.list();
    const secrets = agent.vault.secrets(fromHex(kept!.oh))!;
    const past: Uint8Array[] = [];
    const present: Uint8Array[] = [];
    for (const es of secrets.values()) {
      past.push(es);
      const chain = scopeChain(es, fromHex(kept!.oh), crypto);
      for (let segment = 0; segment < closed + 3; segment++) {
        const keys = segment < closed ? past : present;
        keys.push(chain.export().ck);
        const key = chain.take(segment);
        keys.push(key.secret.slice(), ...[0, 1].map((stream) => key.streamKey(stream).key.slice()));
      }
    }
    expect(secrets.size).toBe(2);
    expect(past.length).toBeGreaterThanOrEqual(2 * (1 + 4 * SEGMENTS));
    const gone = createSecretScan({ values: [], names: [], keys: past });
    expect([...gone.folder(dir).found]).toEqual([]);
    const unreadable = memoryUnreadable(child.pid!);
    if (unreadable !== undefined) return console.warn(`SKIPPED: ${unreadable}`);
    const { found, sizeBytes } = gone.memory(child.pid!);
    expect(sizeBytes).toBeGreaterThan(20_000_000);
    expect([...found]).toEqual([]);
    // It does hold what it goes on with: the scan looks for the right thing.
    const held = createSecretScan({ values: [], names: [], keys: present });
    expect(held.memory(child.pid!).found.size).toBeGreaterThan(0);
  }, 90_000);
});
