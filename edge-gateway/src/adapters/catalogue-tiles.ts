import type { DatabaseSync } from 'node:sqlite';

/** Hashes of one row: two rows of 60 x 32 bytes fill a page, and a commit writes one open row a level. */
const TILE_HASHES = 60;
const HASH_BYTES = 32;

interface Tile {
  readonly hashes: Uint8Array;
  /** How many stand in it: they come in order. */
  used: number;
  isDirty: boolean;
}

/**
 * Hashes of the tree in rows of 60 neighbours of one level. Rows that are still filled stay in memory and are written
 * over at each commit.
 */
export function createTiles(db: DatabaseSync) {
  const upsert = db.prepare(
    'INSERT INTO tiles (place, hashes) VALUES (?, ?) ON CONFLICT (place) DO UPDATE SET hashes = excluded.hashes',
  );
  const select = db.prepare('SELECT hashes FROM tiles WHERE place = ?');
  const open = new Map<number, Tile>();
  let isDirty = false;

  const read = (place: number) => select.get(place)?.hashes as Uint8Array | undefined;
  const openTile = (place: number): Tile => {
    const known = open.get(place);
    if (known !== undefined) return known;
    const stored = read(place);
    const hashes = new Uint8Array(TILE_HASHES * HASH_BYTES);
    if (stored !== undefined) hashes.set(stored);
    const tile = { hashes, used: (stored?.length ?? 0) / HASH_BYTES, isDirty: false };
    open.set(place, tile);
    return tile;
  };
  return {
    get isDirty() {
      return isDirty;
    },
    put(level: number, index: number, hash: Uint8Array): void {
      const at = index % TILE_HASHES;
      const tile = openTile(placeOf(level, index));
      tile.hashes.set(hash, at * HASH_BYTES);
      tile.used = Math.max(tile.used, at + 1);
      tile.isDirty = true;
      isDirty = true;
    },
    get(level: number, index: number): Uint8Array | undefined {
      const place = placeOf(level, index);
      const tile = open.get(place);
      const hashes = tile === undefined ? read(place) : tile.hashes.subarray(0, tile.used * HASH_BYTES);
      const from = (index % TILE_HASHES) * HASH_BYTES;
      return hashes === undefined || from >= hashes.length ? undefined : hashes.slice(from, from + HASH_BYTES);
    },
    flush(): void {
      for (const [place, tile] of open) {
        if (tile.isDirty) upsert.run(place, tile.hashes.subarray(0, tile.used * HASH_BYTES));
        tile.isDirty = false;
        if (tile.used === TILE_HASHES) open.delete(place);
      }
      isDirty = false;
    },
    /** After a rollback: what was not committed is forgotten. */
    reset(): void {
      open.clear();
      isDirty = false;
    },
  };
}

/** Level and row in one integer: levels up to 40, rows below 2^46. */
const placeOf = (level: number, index: number): number => level * 2 ** 46 + Math.floor(index / TILE_HASHES);
