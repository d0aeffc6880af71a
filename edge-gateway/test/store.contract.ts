import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CiphertextStore, StoredRow } from '../src/mod.ts';

export interface StoreGround {
  readonly store: CiphertextStore;
  /** Rows that the adapter can take: devices and epochs that it may have to know. */
  rows(count: number, over?: Partial<Pick<StoredRow, 'stream'>>): Promise<StoredRow[]>;
  /** Rows of two epochs of one device that came by turns, in order of arrival. */
  woven(): Promise<StoredRow[]>;
  end(): Promise<void>;
}

/** What every ciphertext store promises. */
export function storeContract(name: string, open: () => Promise<StoreGround>): void {
  describe(`ciphertext store: ${name}`, () => {
    let ground: StoreGround;
    let rows: StoredRow[];
    beforeAll(async () => {
      ground = await open();
      rows = await ground.rows(40);
      await ground.store.put(rows);
    });
    afterAll(() => ground?.end());
    const first = () => rows[0]!;
    const plain = (row: StoredRow | undefined) => row && { ...row, frame: Buffer.from(row.frame).toString('hex') };

    it('gives back one frame byte for byte', async () => {
      for (const row of [rows[0]!, rows[17]!, rows[39]!])
        expect(plain(await ground.store.frame(row.device, row.eh, row.seq))).toEqual(plain(row));
      expect(await ground.store.frame(first().device, first().eh, 9_999)).toBeUndefined();
      expect(await ground.store.frame('AAAAAAAAAAAAAAAAAAAAAA', first().eh, 1)).toBeUndefined();
    });

    it('queries by device, stream and time, oldest first', async () => {
      const { device } = first();
      const all = await ground.store.query({ device });
      expect(all.map((r) => r.seq)).toEqual(rows.map((r) => r.seq));
      const zero = await ground.store.query({ device, stream: 0 });
      expect(zero.map((r) => r.seq)).toEqual(rows.filter((r) => r.stream === 0).map((r) => r.seq));
      const fromMs = rows[10]!.arrivedMs;
      const toMs = rows[30]!.arrivedMs;
      const between = await ground.store.query({ device, fromMs, toMs });
      expect(between.map((r) => r.seq)).toEqual(
        rows.filter((r) => r.arrivedMs >= fromMs && r.arrivedMs < toMs).map((r) => r.seq),
      );
      expect((await ground.store.query({ device, limit: 5 })).length).toBe(5);
      expect(await ground.store.query({ device: 'AAAAAAAAAAAAAAAAAAAAAA' })).toEqual([]);
    });

    it('gives a segment in order of number', async () => {
      const segment = await ground.store.segment(first().device, first().eh, 0);
      expect(segment.map(plain)).toEqual(rows.map(plain));
      expect(await ground.store.segment(first().device, first().eh, 77)).toEqual([]);
    });

    it('stores a row once, however often it is put', async () => {
      await ground.store.put(rows.slice(5, 15));
      await ground.store.put(rows);
      expect((await ground.store.query({ device: first().device })).length).toBe(rows.length);
    });

    it('limits a query to its oldest rows, so that paging by time meets each row of all epochs', async () => {
      const woven = await ground.woven();
      await ground.store.put(woven);
      const { device } = woven[0]!;
      const names = (all: readonly StoredRow[]) => all.map(({ eh, seq }) => `${eh} ${seq}`);
      for (const limit of [1, 7, 15, woven.length - 1])
        expect(names(await ground.store.query({ device, limit }))).toEqual(names(woven.slice(0, limit)));
      const fromMs = woven[9]!.arrivedMs;
      expect(names(await ground.store.query({ device, fromMs, limit: 8 }))).toEqual(names(woven.slice(9, 17)));
      const paged: StoredRow[] = [];
      for (let at = 0; ; ) {
        const page = await ground.store.query({ device, fromMs: at, limit: 7 });
        paged.push(...page);
        if (page.length < 7) break;
        at = page.at(-1)!.arrivedMs + 1;
      }
      expect(names(paged)).toEqual(names(woven));
    });

    it('keeps frames of one millisecond apart', async () => {
      const { device } = first();
      const times = (await ground.store.query({ device })).map((r) => r.arrivedMs);
      expect(new Set(times).size).toBeLessThan(times.length);
      expect(times.length).toBe(rows.length);
    });
  });
}
