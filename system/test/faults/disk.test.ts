import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileSystem } from '@pulseseal/log';
import { isLong, longFactor } from '@pulseseal/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { createWorld, type World } from '../../../edge-gateway/test/world.ts';
import { createFaultyFileSystem, type Fault } from '../../../libs/log/test/faulty-file-system.ts';
import { createPowerCutDisk } from '../../../libs/log/test/power-cut-disk.ts';
import { type Door, openDoor } from '../support/door.ts';
import { createEdgeGround, type EdgeGround } from '../support/edge-process.ts';
import { judge, readDeviceAccounts, readJournal } from '../support/fault-checker.ts';
import { createFaultFleet, type FaultFleet } from '../support/fault-fleet.ts';
import { eventually, rest, say, seededRun } from '../support/fault-run.ts';

const SPEED = 4;
const device = { segmentMs: 2_000, heartbeatMs: 500 };
const clean = { lost: [], unaccounted: [], doubled: 0, disorder: [], unsealed: [] };

const isLive = (devices: FaultFleet) => () => devices.fleet.members.every((m) => m.device.state === 'live');

describe('a disk that fails under the gateway in this process', () => {
  const scale = () => ({ originMs: Date.now(), speed: SPEED });
  let world: World;
  let door: Door;
  let devices: FaultFleet;
  const begin = async (fs: FileSystem) => {
    world = await createWorld({ fs });
    door = await openDoor(() => world.address.tlsPort!);
    const { thumbprint: gateway } = world.address;
    const base = { dir: world.dir, people: 2, seed: 3, scale: scale(), ledger: world.ledger, device };
    devices = await createFaultFleet({ ...base, brokerPort: door.port, gateway });
    devices.fleet.start();
    await eventually('live', isLive(devices), 30_000);
  };
  afterEach(async () => {
    await devices?.stop();
    await door?.close();
    await world?.end();
  });
  const verdictAtEnd = async () => {
    expect(await devices.fleet.drain(30_000)).toBe(true);
    const claims = readDeviceAccounts(devices.folder);
    const verdict = judge(claims, await readJournal(join(world.dir, 'journal')));
    expect(verdict).toMatchObject(clean);
    expect(verdict.acknowledged).toBe(verdict.sent);
    expect(new Set(claims.map((c) => c.device)).size).toBe(claims.length);
    return verdict;
  };

  const faults: readonly { code: string; fault: Fault }[] = [
    { code: 'disk-error', fault: { errno: 'EIO' } },
    { code: 'disk-full', fault: { errno: 'ENOSPC', tornBytes: 300 } },
    { code: 'disk-read-only', fault: { errno: 'EROFS' } },
    { code: 'disk-error', fault: { errno: 'EIO', tornBytes: 1 } },
  ];
  const ROUNDS = 6 * Math.min(longFactor(), 10);

  it(`names each of ${ROUNDS} failed writes and syncs, acknowledges nothing of them, and goes on by itself`, async () => {
    const random = seededRun('the n-th write or sync fails');
    let countdown = 0;
    let armed: { kind: 'write' | 'sync'; fault: Fault } | undefined;
    const plan: Parameters<typeof createFaultyFileSystem>[0] = (o) => {
      if (armed === undefined || !o.path.endsWith('.seg') || o.kind !== armed.kind || --countdown > 0) return undefined;
      const { fault } = armed;
      armed = undefined;
      return fault;
    };
    await begin(createFaultyFileSystem(plan));
    for (let round = 0; round < ROUNDS; round++) {
      const { code, fault } = faults[(round >> 1) % faults.length]!;
      countdown = 1 + Math.floor(random.unit() * 12);
      armed = { kind: round % 2 === 0 ? 'write' : 'sync', fault };
      await eventually('the fault', () => world.journal.failed !== undefined, 20_000);
      expect(world.journal.failed).toMatchObject({ code });
      expect(await world.metric('edge_journal_failed')).toBe(1);
      expect(await world.metric('edge_alarms_total', 'journal-failed')).toBe(round + 1);
      await eventually('recovery', async () => (await world.metric('edge_journal_failed')) === 0, 10_000);
      await rest(random.unit() * 400);
    }
    const { sent } = await verdictAtEnd();
    say(`${ROUNDS} faults of the disk, ${sent} frames`);
  }, 1_800_000);

  it('keeps every acknowledged frame through power cuts, whatever was not synced', async () => {
    const random = seededRun('power cuts');
    const CUTS = isLong() ? 20 : 3;
    let disk = createPowerCutDisk(random);
    const now: FileSystem = {
      open: (path, mode) => disk.open(path, mode),
      list: (dir) => disk.list(dir),
      remove: (path) => disk.remove(path),
      makeFolder: (dir) => disk.makeFolder(dir),
      syncFolder: (dir) => disk.syncFolder(dir),
      lock: (path) => disk.lock(path),
      watch: (path, changed) => disk.watch(path, changed),
    };
    await begin(now);
    for (let i = 0; i < CUTS; i++) {
      await rest(300 + random.unit() * 1_500);
      disk.cut();
      await rest(random.unit() * 50);
      const off = disk;
      await world.gateway.stop(0);
      await world.journal.close().catch(() => {});
      world.catalogue.close();
      expect(off).toBe(disk);
      disk = createPowerCutDisk(random);
      await world.relaunch();
      expect(world.journal.recovery.damaged).toEqual([]);
    }
    const { sent } = await verdictAtEnd();
    say(`${CUTS} power cuts, ${sent} frames`);
  }, 1_800_000);
});

const isRoot = process.getuid?.() === 0;
const canMount = isRoot && process.platform === 'linux' && mountWorks();
if (!canMount) say('skipped: the full disk needs root and tmpfs on Linux');

function mountWorks(): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    execFileSync('umount', ['/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('the gateway process on a disk', () => {
  let ground: EdgeGround;
  let devices: FaultFleet;
  let mounted: string | undefined;
  const begin = async (prepare?: (edgeDir: string) => void) => {
    const scale = { originMs: Date.now(), speed: SPEED };
    ground = await createEdgeGround({ scale, ...(prepare === undefined ? {} : { prepare }) });
    const { gateway } = ground.ready;
    const base = { dir: ground.dir, people: 2, seed: 3, scale, ledger: ground.ledger, device };
    devices = await createFaultFleet({ ...base, brokerPort: ground.brokerPort, gateway });
    devices.fleet.start();
    await eventually('live', isLive(devices), 30_000);
  };
  afterEach(async () => {
    await devices?.stop();
    await ground?.kill();
    if (mounted !== undefined) execFileSync('umount', [mounted]);
    mounted = undefined;
    await ground?.end();
  });
  const verdictAtEnd = async () => {
    expect(await devices.fleet.drain(30_000)).toBe(true);
    await ground.kill();
    return judge(readDeviceAccounts(devices.folder), await readJournal(ground.journalDir));
  };

  it.skipIf(!canMount)(
    'that is full says so, acknowledges nothing more, and goes on when there is space',
    async () => {
      await begin((edgeDir) => {
        mkdirSync(edgeDir, { recursive: true });
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', edgeDir]);
        mounted = edgeDir;
      });
      // So that it is full soon.
      writeFileSync(join(ground.edgeDir, 'ballast'), Buffer.alloc(1 << 20));
      await eventually('full', async () => (await ground.metric('edge_journal_failed')) === 1, 60_000);
      await rest(3_000);
      expect(await ground.metric('edge_alarms_total', 'journal-failed')).toBeGreaterThan(0);
      expect(ground.log()).toContain('journal-failed');
      expect(devices.fleet.account().held).toBeGreaterThan(0);
      execFileSync('mount', ['-o', 'remount,size=64m', ground.edgeDir]);
      await eventually('recovery', async () => (await ground.metric('edge_journal_failed')) === 0, 20_000);
      const verdict = await verdictAtEnd();
      expect(verdict).toMatchObject(clean);
      expect(verdict.acknowledged).toBe(verdict.sent);
    },
    180_000,
  );

  const segments = () =>
    readdirSync(ground.journalDir)
      .filter((name) => name.endsWith('.seg'))
      .sort()
      .map((name) => join(ground.journalDir, name));

  it('that tore the last record cuts it, says so, and loses nothing', async () => {
    await begin();
    await rest(1_500);
    await ground.kill();
    appendFileSync(segments().at(-1)!, Buffer.alloc(301, 0x5a));
    await ground.start();
    expect(ground.log()).toMatch(/torn tail/);
    expect(await ground.metric('edge_journal_cut_bytes')).toBe(301);
    const verdict = await verdictAtEnd();
    expect(verdict).toMatchObject(clean);
  }, 120_000);

  it('that flipped a byte of an open segment names the damage; the frame is a proved gap and the device goes on', async () => {
    await begin();
    await rest(1_500);
    await ground.kill();
    const before = await readJournal(ground.journalDir);
    const [eh, epoch] = [...before.epochs].sort(([, a], [, b]) => b.frames.size - a.frames.size)[0]!;
    const frame = [...epoch.frames.values()].at(-3)!;
    flip(frame.raw);
    await ground.start();
    await eventually('named', async () => (await ground.metric('edge_alarms_total', 'journal-damage')) > 0, 10_000);
    expect(ground.log()).toMatch(/record-damaged|damaged/);
    await rest(2_000);
    const verdict = await verdictAtEnd();
    // The disk took what it had acknowledged: exactly this frame, named and proved to be missing.
    expect(verdict.lost).toEqual([expect.stringContaining(` ${eh} ${frame.seq}`)]);
    expect(verdict).toMatchObject({ doubled: 0, disorder: [], unsealed: [] });
  }, 120_000);

  it('that flipped a byte of an opening lets the device send it again: nothing of its epoch is lost', async () => {
    await begin();
    await rest(1_500);
    await ground.kill();
    const before = await readJournal(ground.journalDir);
    const { message } = before.opened.at(-1)!;
    flip(message);
    await ground.start();
    await eventually('named', async () => (await ground.metric('edge_alarms_total', 'journal-damage')) > 0, 10_000);
    await rest(3_000);
    const verdict = await verdictAtEnd();
    expect(verdict).toMatchObject(clean);
    expect(verdict.acknowledged).toBe(verdict.sent);
    const after = await readJournal(ground.journalDir);
    expect(after.opened.filter((one) => Buffer.compare(one.message, message) === 0).length).toBe(1);
  }, 120_000);

  function flip(raw: Uint8Array): void {
    for (const path of segments()) {
      const file = readFileSync(path);
      const at = file.indexOf(raw);
      if (at < 0) continue;
      file[at + (raw.length >> 1)]! ^= 4;
      writeFileSync(path, file);
      return;
    }
    throw new Error('the frame is in no segment');
  }
});
