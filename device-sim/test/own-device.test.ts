import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import { parseProfile } from '@pulseseal/firmware-profiles';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { expect, it } from 'vitest';
import { createWorld, until } from '../../edge-gateway/test/world.ts';
import { createMemoryAgentStore, createPatientAgent, defaultPolicy } from '../../patient-agent/src/mod.ts';
import { createManufacturer, createMqttLink, listenLocalLink, stockDeviceKit, writeDeviceKit } from '../src/mod.ts';

const example = fileURLToPath(new URL('../examples/own-device.ts', import.meta.url));

it('the example joins a running gateway, is claimed over the agent’s desk, and goes on after a restart', async () => {
  const [wall, random, crypto] = [createSystemClock(), createSystemRandom(), createNativeCrypto()];
  const world = await createWorld();
  const dir = await mkdtemp(join(tmpdir(), 'kit-'));
  const url = `mqtts://127.0.0.1:${world.address.tlsPort}`;
  const maker = createManufacturer(random.bytes(32), { wall, random, crypto });
  const link = createMqttLink({ clock: wall, random }, { url });
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
  const password = (exporter: Uint8Array | undefined) => agent.password(world.address.thumbprint, exporter);
  link.connect({ clientId: agent.text, password }, { up: () => {}, down: () => {}, message: () => {} });
  const order = { scopes: [1], recipients: [], gateways: [world.address.thumbprint] };
  const desk = await listenLocalLink(0, (end) => agent.desk(end, order));
  const profile = parseProfile(await readFile(join(example, '../own-thermometer.json'), 'utf8'));
  stockDeviceKit(dir, ['own-device'], profile, maker);
  writeDeviceKit(dir, { broker: url, agent: `127.0.0.1:${(desk.address() as AddressInfo).port}` });
  const run = async (epochs: number) => {
    const child = spawn(process.execPath, [example], { env: { ...process.env, PULSESEAL_KIT: dir }, stdio: 'pipe' });
    const said: string[] = [];
    child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    await until(() => [...world.gateway.account()].length >= epochs, 20_000).catch(() => {
      throw new Error(`the example said: ${said.join('')}`);
    });
    await until(() => [...world.gateway.account()].every((a) => a.stored.length > 0), 5_000);
    child.kill('SIGINT');
    expect(await ended).toBe(0);
  };
  await run(1);
  expect(agent.devices().length).toBe(1);
  await run(2);
  expect(agent.devices().length).toBe(1);
  await until(() => agent.vault.list().length === 2);
  desk.close();
  await agent.stop();
  await link.disconnect();
  await world.end();
  await rm(dir, { recursive: true, force: true });
}, 60_000);

it('the example says in one line what to do when no system runs', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'kit-'));
  const say = () =>
    new Promise<{ code: number | null; said: string }>((resolve) => {
      const child = spawn(process.execPath, [example], { env: { ...process.env, PULSESEAL_KIT: dir }, stdio: 'pipe' });
      let said = '';
      child.stderr.on('data', (chunk: Buffer) => {
        said += chunk.toString();
      });
      child.once('exit', (code) => resolve({ code, said }));
    });
  expect(await say()).toEqual({
    code: 1,
    said: `${dir} holds no device kit. Start the system first: npm start. It prints the folder; give it as PULSESEAL_KIT.\n`,
  });
  const profile = parseProfile(await readFile(join(example, '../own-thermometer.json'), 'utf8'));
  const random = createSystemRandom();
  const maker = createManufacturer(random.bytes(32), {
    wall: createSystemClock(),
    random,
    crypto: createNativeCrypto(),
  });
  stockDeviceKit(dir, ['own-device'], profile, maker);
  // A port where nobody listens any more.
  const gone = await listenLocalLink(0, () => {});
  const { port } = gone.address() as AddressInfo;
  await new Promise((resolve) => gone.close(resolve));
  writeDeviceKit(dir, { broker: 'mqtts://127.0.0.1:1', agent: `127.0.0.1:${port}` });
  expect(await say()).toEqual({
    code: 1,
    said: `No patient's agent listens at 127.0.0.1:${port}. Start the system first: npm start\n`,
  });
  await rm(dir, { recursive: true, force: true });
}, 60_000);
