import { mkdtemp, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryKeyStore, createNativeCrypto } from '@pulseseal/crypto';
import { createScaledClock, createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorld, until, type World } from '../../edge-gateway/test/world.ts';
import { createMemoryAgentStore, createPatientAgent, defaultPolicy } from '../../patient-agent/src/mod.ts';
import {
  createDemoCircle,
  createFileFactory,
  createFileFlash,
  createFleet,
  createManufacturer,
  createMqttLink,
  type Fleet,
} from '../src/mod.ts';

const wall = createSystemClock();
const random = createSystemRandom();
const crypto = createNativeCrypto();
const count = (ranges: readonly (readonly [number, number])[]) => ranges.reduce((sum, [, n]) => sum + n, 0);

describe('a fleet with its agents at a real gateway over TLS', () => {
  let world: World;
  let dir: string;
  /** The gateway gets a new port at each restart; devices know one address. */
  let door: Server;
  let isOpen = true;
  const through = new Set<Socket>();
  beforeAll(async () => {
    world = await createWorld();
    dir = await mkdtemp(join(tmpdir(), 'fleet-'));
    door = createServer((socket) => {
      if (!isOpen) {
        socket.destroy();
        return;
      }
      through.add(socket);
      socket.on('close', () => through.delete(socket));
      const inner = connect(world.address.tlsPort!, '127.0.0.1');
      socket.pipe(inner).pipe(socket);
      for (const [a, b] of [
        [socket, inner],
        [inner, socket],
      ] as const) {
        a.on('error', () => {});
        a.on('close', () => b.destroy());
      }
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  });
  afterAll(async () => {
    await world.end();
    door.close();
    await rm(dir, { recursive: true, force: true });
  });

  const maker = createManufacturer(random.bytes(32), { wall, random, crypto });
  const createParts = (seed: number, people: number, speed: number, port: number) => {
    const data = createScaledClock(wall, { originMs: wall.nowMs(), speed });
    const factory = createFileFactory(join(dir, `factory-${seed}`), maker);
    const url = `mqtts://127.0.0.1:${port}`;
    const link = () => createMqttLink({ clock: wall, random }, { url, reconnectMs: [100, 500] });
    const flash = (name: string) => createFileFlash(join(dir, `devices-${seed}`), name);
    const ports = { wall, data, random, crypto, factory, link, flash };
    const bodies = createDemoCircle(people, seed);
    const fleet = createFleet(ports, {
      bodies,
      speed,
      device: { segmentMs: 2_000, heartbeatMs: 1_000, epochMs: 6_000 },
    });
    return { fleet, factory, link };
  };
  /** One owner for all: the count of agents is not what is tested here. */
  const claimAll = async (parts: ReturnType<typeof createParts>) => {
    const link = parts.link();
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
    const login = {
      clientId: agent.text,
      password: (exporter: Uint8Array | undefined) => agent.password(world.address.thumbprint, exporter),
    };
    link.connect(login, { up: () => {}, down: () => {}, message: () => {} });
    for (const member of parts.fleet.members) {
      const scopes = member.profile.scopes.map((scope) => scope.number);
      await agent.claim(member.connectAgent(), {
        code: maker.qr(parts.factory(member.name, member.profile)),
        suite: member.profile.suite,
        scopes,
        recipients: [
          {
            rid: random.bytes(8),
            prekeyId: 1,
            prekey: crypto.xwingKeyPair(random.bytes(32)).publicKey,
            scopes,
            role: 1,
            expiresMs: Math.floor(wall.nowMs()) + 86_400_000,
          },
        ],
        gateways: [world.address.thumbprint],
      });
    }
    return { agent, link };
  };
  const allLive = (fleet: Fleet) =>
    until(() => fleet.members.every((m) => m.device.state === 'live'), 20_000).catch(() => {
      const rows = fleet.members.map(({ name, device }) => ({
        name,
        state: device.state,
        up: device.connected,
        ...device.counts,
      }));
      throw new Error(`not all live: ${JSON.stringify(rows.filter((row) => row.state !== 'live'))}`);
    });
  /** The device's own account against the gateway's, epoch by epoch. */
  const expectNothingLost = (fleet: Fleet) => {
    const stored = new Map([...world.gateway.account()].map((a) => [`${a.device}.${a.eh}`, a]));
    for (const { device, epochs } of fleet.account().devices) {
      for (const epoch of epochs) {
        const there = stored.get(`${device}.${epoch.eh}`);
        expect(there, `${device}.${epoch.eh}`).toBeDefined();
        expect(there!.stored).toEqual(epoch.acknowledged);
        expect(there!.sealed).toEqual(there!.stored);
        expect(there!.doubled).toBe(0);
        expect(count(epoch.acknowledged)).toBe(epoch.sent);
      }
    }
  };

  it('loses nothing over epochs, gateway restarts and its own restart', async () => {
    const { port } = door.address() as AddressInfo;
    let parts = createParts(1, 2, 1, port);
    const { agent, link } = await claimAll(parts);
    parts.fleet.start();
    await allLive(parts.fleet);
    for (const isKill of [true, false, true]) {
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      await world.restart(isKill);
    }
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await parts.fleet.drain(15_000)).toBe(true);
    expectNothingLost(parts.fleet);
    const before = parts.fleet.account();
    expect(before.sent).toBeGreaterThan(100);
    expect(before.dropped + before.refused + before.held).toBe(0);
    expect(parts.fleet.refusedSamples()).toBe(0);
    expect(parts.fleet.reachedSpeed()).toBeGreaterThan(0.8);
    expect(agent.vault.list().length).toBeGreaterThanOrEqual(parts.fleet.members.length);
    // The same devices in a new process: no claim, boot + 1, the account goes on.
    parts = createParts(1, 2, 1, port);
    for (const member of parts.fleet.members) agent.attach(member.connectAgent());
    parts.fleet.start();
    await allLive(parts.fleet);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    expect(await parts.fleet.drain(15_000)).toBe(true);
    expectNothingLost(parts.fleet);
    expect(parts.fleet.account().sent).toBeGreaterThan(before.sent);
    await agent.stop();
    await link.disconnect();
  }, 90_000);

  it('hands in by bulk what was measured while no gateway could be reached for several epochs', async () => {
    const { port } = door.address() as AddressInfo;
    const parts = createParts(7, 1, 1, port);
    const { agent, link } = await claimAll(parts);
    parts.fleet.start();
    await allLive(parts.fleet);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    isOpen = false;
    for (const socket of through) socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 16_000));
    isOpen = true;
    await until(() => parts.fleet.members.every((m) => m.device.connected), 10_000);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await parts.fleet.drain(15_000)).toBe(true);
    expectNothingLost(parts.fleet);
    const account = parts.fleet.account();
    expect(account.devices.every((device) => device.epochs.length >= 4)).toBe(true);
    expect(account.acknowledged).toBe(account.sent);
    await agent.stop();
    await link.disconnect();
  }, 90_000);
});
