import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import type { BeaconRow, Catalogue, CloseRow, DeviceRow, EpochRow, SegmentState, SthRow } from '../catalogue.ts';
import { createBlocks } from './catalogue-blocks.ts';
import { CATALOGUE_SCHEMA, CATALOGUE_VERSION } from './catalogue-schema.ts';
import { createTiles } from './catalogue-tiles.ts';

type Row = Record<string, unknown>;

const STATES: readonly SegmentState[] = ['held', 'logged', 'complete', 'disputed'];

/**
 * The index in one SQLite file (`:memory:` for tests). A file of another version is emptied: it is made again from the
 * journal. `isReadOnly`: for other processes, which see what was committed last.
 */
export function openSqliteCatalogue(path: string, isReadOnly = false): Catalogue {
  const db = new DatabaseSync(path, { readOnly: isReadOnly });
  if (!isReadOnly) prepareFile(db);
  const q = (text: string) => {
    const statement = db.prepare(text);
    return {
      get: (...args: SQLInputValue[]) => statement.get(...args) as Row | undefined,
      all: (...args: SQLInputValue[]) => statement.all(...args) as Row[],
      run: (...args: SQLInputValue[]) => {
        begin();
        return statement.run(...args);
      },
    };
  };
  let isOpen = false;
  const beginStatement = db.prepare('BEGIN');
  const begin = () => {
    if (isOpen) return;
    beginStatement.run();
    isOpen = true;
  };
  const blocks = createBlocks(db);
  const tiles = createTiles(db);
  const getMeta = q('SELECT value FROM meta WHERE name = ?');
  const setMeta = q(
    'INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value',
  );
  const meta = (name: string) => Number(getMeta.get(name)?.value ?? 0);
  const count = (table: string) => Number(q(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0);

  const deviceByName = q('SELECT * FROM devices WHERE name = ?');
  const deviceByNumber = q('SELECT * FROM devices WHERE number = ?');
  const allDevices = q('SELECT * FROM devices ORDER BY number');
  const insertDevice = q('INSERT INTO devices (number, name, thumbprint) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const updateEndorse = q('UPDATE devices SET endorse = ? WHERE number = ?');
  const updateManifest = q('UPDATE devices SET manifest = ? WHERE number = ?');
  const insertManifest = q(
    `INSERT INTO manifests (hash, device, version, position) VALUES (?, ?, ?, ?)
     ON CONFLICT (hash) DO UPDATE SET position = excluded.position`,
  );
  const manifestByHash = q('SELECT * FROM manifests WHERE hash = ?');
  const updateStored = q('UPDATE devices SET boot = ?, epoch = ?, oh = ? WHERE number = ?');
  const selectRevoked = q('SELECT consent FROM revoked');
  const insertRevoked = q('INSERT OR IGNORE INTO revoked VALUES (?)');
  const updateRetired = q('UPDATE devices SET retired = 1 WHERE number = ?');

  const insertEpoch = q(
    'INSERT INTO epochs (device, eh, oh, boot, epoch, position, bulk, arrived) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id',
  );
  const reopenEpoch = q(
    'UPDATE epochs SET oh = ?, boot = ?, epoch = ?, position = ?, bulk = ?, arrived = ? WHERE id = ?',
  );
  const moveEntry = q('UPDATE entries SET position = ? WHERE position = ?');
  const spoilEpoch = q('UPDATE epochs SET position = -position WHERE id = ? AND position > 0');
  const restoreStored = q(
    `UPDATE devices SET (boot, epoch, oh) = (SELECT boot, epoch, oh FROM epochs e
       WHERE e.device = devices.number AND bulk = 0 AND position > 0 ORDER BY boot DESC, epoch DESC LIMIT 1)
     WHERE number = (SELECT device FROM epochs WHERE id = ?)`,
  );
  const epochByHash = q('SELECT * FROM epochs WHERE device = ? AND eh = ?');
  const epochById = q('SELECT * FROM epochs WHERE id = ?');
  const epochByEh = q('SELECT * FROM epochs WHERE eh = ? LIMIT 1');
  const epochByPair = q('SELECT id FROM epochs WHERE device = ? AND boot = ? AND epoch = ? AND position > 0');
  const epochAt = q('SELECT * FROM epochs WHERE position = ?');
  const epochsOf = q('SELECT * FROM epochs WHERE device = ? ORDER BY boot DESC, epoch DESC LIMIT ?');
  const updateAccepted = q('UPDATE epochs SET accepted = 1 WHERE id = ?');
  const insertMessage = q('INSERT INTO messages (epoch, kind, position) VALUES (?, ?, ?)');
  const messagesOf = q('SELECT position FROM messages WHERE epoch = ? AND kind = ? ORDER BY position');

  const insertClose = q(
    'INSERT INTO closes (position, epoch, segment, first, count, hash, last, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
  );
  const closesOf = q('SELECT * FROM closes WHERE epoch = ? ORDER BY segment, position');
  const closeAt = q('SELECT * FROM closes WHERE position = ?');
  const unfinished = q('SELECT DISTINCT epoch FROM closes WHERE state < 2');
  const updateState = q('UPDATE closes SET state = ? WHERE position = ?');

  const insertEntry = q('INSERT INTO entries (number, position) VALUES (?, ?)');
  const entryByNumber = q('SELECT position FROM entries WHERE number = ?');
  const entryByPosition = q('SELECT number FROM entries WHERE position = ?');
  const entriesOf = q(
    `SELECT e.number, o.id, c.epoch, c.segment FROM entries e LEFT JOIN closes c ON c.position = e.position
     LEFT JOIN epochs o ON c.position IS NULL AND o.position = e.position WHERE e.number >= ? AND e.number < ? ORDER BY e.number`,
  );
  const insertHead = q('INSERT INTO heads (size, batch, position, hash) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING');
  const lastHead = q('SELECT * FROM heads ORDER BY size DESC LIMIT 1');
  const headFor = q('SELECT * FROM heads WHERE size >= ? ORDER BY size LIMIT 1');
  const firstOpenHead = q('SELECT * FROM heads WHERE anchored = 0 ORDER BY size LIMIT 1');
  const updateAnchored = q('UPDATE heads SET anchored = 1 WHERE size <= ?');
  const insertBeacon = q('INSERT INTO beacons (serial, hash, position) VALUES (?, ?, ?) ON CONFLICT DO NOTHING');
  const beaconByHash = q('SELECT * FROM beacons WHERE hash = ?');
  const lastBeacon = q('SELECT * FROM beacons ORDER BY serial DESC LIMIT 1');

  let entryCount = count('entries');
  let lastDeviceNumber = readLastNumber();
  let anchoredSize = readAnchored();
  function readLastNumber(): number {
    const highest = 'SELECT max(number) AS n FROM devices UNION ALL SELECT max(device) FROM epochs';
    return Number(q(`SELECT max(n) AS n FROM (${highest})`).get()?.n ?? 0);
  }
  function readAnchored(): number {
    return Number(q('SELECT max(size) AS size FROM heads WHERE anchored = 1').get()?.size ?? 0);
  }
  const entryOf = (position: number) => {
    const found = entryByPosition.get(position)?.number;
    return found === undefined ? undefined : Number(found);
  };
  const deviceRow = (row: Row | undefined): DeviceRow | undefined =>
    row && {
      number: Number(row.number),
      name: String(row.name),
      thumbprint: row.thumbprint as Uint8Array,
      endorseAt: optional(row.endorse),
      manifestAt: optional(row.manifest),
      boot: optional(row.boot),
      epoch: optional(row.epoch),
      oh: (row.oh ?? undefined) as Uint8Array | undefined,
      isRetired: row.retired === 1,
    };
  const epochRow = (row: Row | undefined): EpochRow | undefined =>
    row && {
      id: Number(row.id),
      deviceNumber: Number(row.device),
      eh: row.eh as Uint8Array,
      oh: row.oh as Uint8Array,
      boot: Number(row.boot),
      epoch: Number(row.epoch),
      position: Number(row.position),
      isBulk: row.bulk === 1,
      isAccepted: row.accepted === 1,
      arrivedMs: Number(row.arrived),
      // Few callers ask; for the rest it would be one more query per row.
      get entry() {
        return entryOf(Number(row.position));
      },
    };
  const closeRow = (row: Row | undefined): CloseRow | undefined =>
    row && {
      epochId: Number(row.epoch),
      segment: Number(row.segment),
      position: Number(row.position),
      first: Number(row.first),
      count: Number(row.count),
      hash: row.hash as Uint8Array,
      isLast: row.last === 1,
      state: STATES[Number(row.state)]!,
      // Few callers ask; for the rest it would be one more query per row.
      get entry() {
        return entryOf(Number(row.position));
      },
    };
  const sthRow = (row: Row | undefined): SthRow | undefined =>
    row && {
      size: Number(row.size),
      batch: Number(row.batch),
      position: Number(row.position),
      hash: row.hash as Uint8Array,
      isAnchored: row.anchored === 1,
    };
  const beaconRow = (row: Row | undefined): BeaconRow | undefined =>
    row && { serial: Number(row.serial), hash: row.hash as Uint8Array, position: Number(row.position) };
  const flushTiles = () => {
    if (!tiles.isDirty || isReadOnly) return;
    begin();
    tiles.flush();
  };
  const flushBlocks = () => {
    if (!blocks.isDirty || isReadOnly) return;
    begin();
    blocks.flush();
  };

  return {
    get cursor() {
      return meta('cursor');
    },
    commit(cursor) {
      flushBlocks();
      blocks.dropIdle();
      flushTiles();
      setMeta.run('cursor', cursor);
      db.exec('COMMIT');
      isOpen = false;
    },
    rollback() {
      // A full disk makes SQLite roll back by itself.
      if (db.isTransaction) db.exec('ROLLBACK');
      isOpen = false;
      blocks.reset();
      tiles.reset();
      entryCount = count('entries');
      lastDeviceNumber = readLastNumber();
      anchoredSize = readAnchored();
    },
    get starts() {
      return meta('starts');
    },
    setStarts: (value) => void setMeta.run('starts', value),

    device: (name) => deviceRow(deviceByName.get(name)),
    deviceByNumber: (number) => deviceRow(deviceByNumber.get(number)),
    get lastDeviceNumber() {
      return lastDeviceNumber;
    },
    addDevice(number, name, thumbprint) {
      insertDevice.run(number, name, thumbprint);
      lastDeviceNumber = Math.max(lastDeviceNumber, number);
    },
    setEndorse: (number, position) => void updateEndorse.run(position, number),
    setManifest(number, position, hash, version) {
      insertManifest.run(hash, number, version, position);
      updateManifest.run(position, number);
    },
    setStored: (number, boot, epoch, oh) => void updateStored.run(boot, epoch, oh, number),
    setRetired: (number) => void updateRetired.run(number),
    revokedConsents: () => selectRevoked.all().map((row) => String(row.consent)),
    addRevoked: (consent) => void insertRevoked.run(consent),
    manifest(hash) {
      const row = manifestByHash.get(hash);
      return row && { deviceNumber: Number(row.device), version: Number(row.version), position: Number(row.position) };
    },
    devices: () => allDevices.all().map((row) => deviceRow(row)!),

    addEpoch(e) {
      const known = epochByHash.get(e.deviceNumber, e.eh);
      if (known !== undefined) {
        const id = Number(known.id);
        const position = Number(known.position);
        if (position > 0) return { id, isMended: false };
        reopenEpoch.run(e.oh, e.boot, e.epoch, e.position, e.isBulk ? 1 : 0, e.arrivedMs, id);
        if (position < 0) moveEntry.run(e.position, -position);
        return { id, isMended: true };
      }
      begin();
      lastDeviceNumber = Math.max(lastDeviceNumber, e.deviceNumber);
      const row = insertEpoch.get(
        e.deviceNumber,
        e.eh,
        e.oh,
        e.boot,
        e.epoch,
        e.position,
        e.isBulk ? 1 : 0,
        e.arrivedMs,
      );
      return { id: Number(row?.id), isMended: false };
    },
    epochNumber(deviceNumber, eh) {
      const known = epochByHash.get(deviceNumber, eh);
      if (known !== undefined) return Number(known.id);
      begin();
      lastDeviceNumber = Math.max(lastDeviceNumber, deviceNumber);
      return Number(insertEpoch.get(deviceNumber, eh, eh, -1, -1, 0, 0, 0)?.id);
    },
    setSpoiled(id) {
      spoilEpoch.run(id);
      restoreStored.run(id);
    },
    setAccepted: (id) => void updateAccepted.run(id),
    epoch(deviceNumber, eh) {
      const row = epochByHash.get(deviceNumber, eh);
      return row !== undefined && Number(row.position) > 0 ? epochRow(row) : undefined;
    },
    unopened(deviceNumber, eh) {
      const row = epochByHash.get(deviceNumber, eh);
      return row !== undefined && Number(row.position) <= 0 ? epochRow(row) : undefined;
    },
    epochs: (deviceNumber, limit) => epochsOf.all(deviceNumber, limit).map((row) => epochRow(row)!),
    epochById: (id) => epochRow(epochById.get(id)),
    epochByHash: (eh) => epochRow(epochByEh.get(eh)),
    hasPair: (deviceNumber, boot, epoch) => epochByPair.get(deviceNumber, boot, epoch) !== undefined,
    epochAt: (position) => epochRow(epochAt.get(position)),
    addKeys: (epochId, position) => void insertMessage.run(epochId, 1, position),
    keys: (epochId) => messagesOf.all(epochId, 1).map((row) => Number(row.position)),
    addRepair: (epochId, position) => void insertMessage.run(epochId, 2, position),
    repairs: (epochId) => messagesOf.all(epochId, 2).map((row) => Number(row.position)),

    addClose(c) {
      const state = STATES.indexOf(c.state);
      insertClose.run(c.position, c.epochId, c.segment, c.first, c.count, c.hash, c.isLast ? 1 : 0, state);
    },
    closes: (epochId) => closesOf.all(epochId).map((row) => closeRow(row)!),
    closeAt: (position) => closeRow(closeAt.get(position)),
    unfinishedEpochs: () => unfinished.all().flatMap((row) => epochRow(epochById.get(Number(row.epoch))) ?? []),
    setSegmentState: (position, state) => void updateState.run(STATES.indexOf(state), position),

    addFrame(frame) {
      begin();
      blocks.add(frame);
    },
    frames(epochId, first, end) {
      flushBlocks();
      return blocks.inEpoch(epochId, first, end);
    },
    framesBetween(deviceNumber, fromMs, toMs, limit, stream) {
      flushBlocks();
      return blocks.between(deviceNumber, fromMs, toMs, limit, stream);
    },

    addEntry(position, leaf) {
      insertEntry.run(entryCount, position);
      tiles.put(0, entryCount, leaf);
      return entryCount++;
    },
    get entryCount() {
      return entryCount;
    },
    entryPosition(index) {
      const row = entryByNumber.get(index);
      return row && Number(row.position);
    },
    entries: (from, to) =>
      entriesOf.all(from, to).map((row) => ({
        entry: Number(row.number),
        epochId: Number(row.epoch ?? row.id),
        segment: row.segment === null ? null : Number(row.segment),
      })),
    entryAt: entryOf,
    node: tiles.get,
    putNode: tiles.put,

    addSth: (sth) => void insertHead.run(sth.size, sth.batch, sth.position, sth.hash),
    lastSth: () => sthRow(lastHead.get()),
    sthFor: (size) => sthRow(headFor.get(size)),
    setAnchored(size) {
      updateAnchored.run(size);
      anchoredSize = Math.max(anchoredSize, size);
    },
    get anchoredSize() {
      return isReadOnly ? readAnchored() : anchoredSize;
    },
    firstUnanchored: () => sthRow(firstOpenHead.get()),

    addBeacon: (serial, hash, position) => void insertBeacon.run(serial, hash, position),
    beacon: (hash) => beaconRow(beaconByHash.get(hash)),
    lastBeacon: () => beaconRow(lastBeacon.get()),

    close() {
      if (isOpen) db.exec('ROLLBACK');
      db.close();
    },
  };
}

const optional = (value: unknown): number | undefined =>
  value === null || value === undefined ? undefined : Number(value);

function prepareFile(db: DatabaseSync): void {
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY',
  );
  const version = Number((db.prepare('PRAGMA user_version').get() as Row | undefined)?.user_version ?? 0);
  if (version !== CATALOGUE_VERSION && version !== 0) {
    const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as Row[];
    for (const { name } of tables) db.exec(`DROP TABLE "${String(name)}"`);
  }
  db.exec(CATALOGUE_SCHEMA);
  db.exec(`PRAGMA user_version = ${CATALOGUE_VERSION}`);
}
