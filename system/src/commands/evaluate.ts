import { createReadStream, createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { evaluateNews2Line, maxNews2LineChars } from '@pulseseal/twin-service';

/** `pulseseal evaluate news2`: JSON lines in, JSON lines out; a bad line is named and the run goes on. */
export async function evaluateNews2(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<number> {
  for await (const line of linesOf(input)) {
    if (line.trim() === '') continue;
    if (!output.write(`${evaluateNews2Line(line)}\n`)) await new Promise((resolve) => output.once('drain', resolve));
  }
  return 0;
}

/**
 * Lines as JSON Lines has them: a line feed ends one and nothing else does, a byte order mark is passed over. Of a line that
 * is too long for any observation, as much is kept as shows that.
 */
async function* linesOf(input: NodeJS.ReadableStream): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  let held = '';
  const keep = (part: string) => {
    if (held.length <= maxNews2LineChars) held += part.slice(0, maxNews2LineChars + 2 - held.length);
  };
  for await (const chunk of input) {
    const [first, ...rest] = decoder.decode(chunk as unknown as Uint8Array, { stream: true }).split('\n');
    keep(first!);
    for (const part of rest) {
      yield held;
      held = '';
      keep(part);
    }
  }
  keep(decoder.decode());
  yield held;
}

/** Bytes of a file, gunzipped when it begins as gzip does. */
export async function* readMaybeGzip(path: string, onBytes?: (bytes: number) => void): AsyncGenerator<Uint8Array> {
  const head = await readHead(path);
  const source = createReadStream(path);
  source.on('data', (chunk) => onBytes?.(chunk.length));
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    yield* source as AsyncIterable<Uint8Array>;
    return;
  }
  const gunzip = createGunzip();
  const piped = pipeline(source, gunzip);
  piped.catch(() => {});
  try {
    yield* gunzip as AsyncIterable<Uint8Array>;
    await piped;
  } catch (error) {
    if (!(error as NodeJS.ErrnoException).code?.startsWith('Z_')) throw error;
    throw new Error(`${path} begins as gzip and is damaged or cut short. Copy it again.`, { cause: error });
  }
}

async function readHead(path: string): Promise<Uint8Array> {
  for await (const chunk of createReadStream(path, { end: 1 })) return chunk as Uint8Array;
  return new Uint8Array(0);
}

/** Buffered lines to a file, with back-pressure. */
export function lineWriter(path: string) {
  const stream = createWriteStream(path);
  const failed = new Promise<never>((_resolve, reject) => stream.once('error', reject));
  failed.catch(() => {});
  return {
    async write(line: string) {
      if (!stream.write(`${line}\n`))
        await Promise.race([new Promise((resolve) => stream.once('drain', resolve)), failed]);
    },
    async close() {
      await Promise.race([new Promise<void>((resolve) => stream.end(() => resolve())), failed]);
    },
  };
}
