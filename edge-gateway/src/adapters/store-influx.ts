import { parseFrame } from '@pulseseal/protocol';
import { FieldType, InfluxDB, type IPoint } from 'influx';
import { gatewayFailure } from '../failures.ts';
import { MAX_QUERY_ROWS } from '../limits.ts';
import type { CiphertextStore, StoredRow } from '../store/port.ts';

export interface InfluxStoreSettings {
  /** http://user:password@host:8086/database; the database is made when absent. */
  readonly url: string;
}

const MEASUREMENT = 'frames';
/** Points of one write: about half a megabyte of base64. */
const POINTS_AT_ONCE = 1_000;
/** InfluxDB 1.x has no binary type and no string over 64 kB: 64,000 characters of base64. */
const MOST_FRAME_BYTES = 48_000;
const CALL_TIMEOUT_MS = 10_000;

/**
 * InfluxDB 1.x. A point is overwritten by another of equal tags and time, so the number stands in a tag-free way: the
 * time is the arrival in ms with the low six digits of nanoseconds taken by seq, and eh and the rest of seq are tags.
 */
export async function openInfluxStore(settings: InfluxStoreSettings): Promise<CiphertextStore> {
  const url = new URL(settings.url);
  const database = url.pathname.replace(/^\//, '') || 'pulseseal';
  const influx = new InfluxDB({
    host: url.hostname,
    port: Number(url.port || 8086),
    protocol: url.protocol === 'https:' ? 'https' : 'http',
    ...(url.username === '' ? {} : { username: url.username, password: url.password }),
    database,
    options: { timeout: CALL_TIMEOUT_MS },
    pool: { requestTimeout: CALL_TIMEOUT_MS },
    schema: [
      {
        measurement: MEASUREMENT,
        tags: ['device', 'eh', 'band'],
        fields: {
          frame: FieldType.STRING,
          seq: FieldType.INTEGER,
          segment: FieldType.INTEGER,
          stream: FieldType.INTEGER,
          position: FieldType.INTEGER,
          arrived: FieldType.INTEGER,
        },
      },
    ],
  });
  let isReady = false;
  const call = async <T>(task: () => Promise<T>): Promise<T> => {
    try {
      if (!isReady) await influx.createDatabase(database);
      isReady = true;
      return await task();
    } catch (error) {
      isReady = false;
      throw gatewayFailure('store-unreachable', url.host, error);
    }
  };
  const select = (where: string, order = ''): Promise<StoredRow[]> =>
    call(async () => {
      const rows = await influx.query<Row>(`SELECT * FROM "${MEASUREMENT}" WHERE ${where} ${order}`);
      return rows.map(rowOf);
    });
  return {
    mostFrameBytes: MOST_FRAME_BYTES,
    async put(rows) {
      for (let i = 0; i < rows.length; i += POINTS_AT_ONCE) {
        const points = rows.slice(i, i + POINTS_AT_ONCE).map(pointOf);
        await call(() => influx.writePoints(points, { precision: 'n' }));
      }
    },
    async query({ device, stream, fromMs = 0, toMs, limit = MAX_QUERY_ROWS }) {
      const most = Math.min(limit, MAX_QUERY_ROWS);
      const until = toMs === undefined ? '' : ` AND time < ${toMs}000000`;
      const only = stream === undefined ? '' : ` AND "stream" = ${Math.trunc(stream)}`;
      const where = `"device" = ${quote(device)} AND time >= ${fromMs}000000${until}${only}`;
      const rows = await select(where, `ORDER BY time LIMIT ${most}`);
      return rows.sort((a, b) => a.arrivedMs - b.arrivedMs || a.seq - b.seq);
    },
    async frame(device, eh, seq) {
      const where = `"device" = ${quote(device)} AND "eh" = ${quote(eh)} AND "seq" = ${Math.trunc(seq)}`;
      return (await select(where, 'LIMIT 1'))[0];
    },
    async segment(device, eh, segment) {
      const where = `"device" = ${quote(device)} AND "eh" = ${quote(eh)} AND "segment" = ${Math.trunc(segment)}`;
      return (await select(where)).sort((a, b) => a.seq - b.seq);
    },
    close: async () => {},
  };
}

interface Row {
  readonly device: string;
  readonly eh: string;
  readonly frame: string;
  readonly seq: number;
  readonly segment: number;
  readonly stream: number;
  readonly position: number;
  readonly arrived: number;
}

/** seq has at most 25 bits: 6 digits of it fit below a millisecond, the rest is the tag `band`. */
const BAND = 1_000_000;

function pointOf(row: StoredRow): IPoint {
  if (row.frame.length > MOST_FRAME_BYTES) throw gatewayFailure('store-frame-too-long', `position ${row.position}`);
  const frame = Buffer.from(row.frame).toString('base64');
  return {
    measurement: MEASUREMENT,
    tags: { device: row.device, eh: row.eh, band: String(Math.floor(row.seq / BAND)) },
    fields: {
      frame,
      seq: row.seq,
      segment: row.segment,
      stream: row.stream,
      position: row.position,
      arrived: row.arrivedMs,
    },
    timestamp: `${Math.trunc(row.arrivedMs)}${String(row.seq % BAND).padStart(6, '0')}`,
  };
}

function rowOf(row: Row): StoredRow {
  const frame = Uint8Array.from(Buffer.from(row.frame, 'base64'));
  // What a foreign server answers is held to the wire's rules before anybody uses it.
  const parsed = parseFrame(frame);
  return {
    device: row.device,
    eh: row.eh,
    segment: parsed.sg,
    seq: parsed.seq,
    stream: parsed.st,
    arrivedMs: row.arrived,
    frame,
    position: row.position,
  };
}

const quote = (text: string): string => `'${text.replace(/[^A-Za-z0-9_-]/g, '')}'`;
