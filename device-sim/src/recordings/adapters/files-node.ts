import { createReadStream, type Dirent } from 'node:fs';
import { open, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { recordingLimits } from '../limits.ts';
import type { RecordingFiles } from '../ports.ts';

/** Node's file system and zlib. */
export function createNodeFiles(): RecordingFiles {
  return {
    async list(dir) {
      const entries = await readdir(dir, { withFileTypes: true });
      return entries
        .flatMap((entry) => {
          const kind = kindOf(entry);
          return kind === undefined ? [] : [{ path: join(dir, entry.name), kind }];
        })
        .sort((a, b) => (a.path < b.path ? -1 : 1));
    },
    async read(path, maxBytes) {
      const found = await stat(path);
      // Reading a pipe would wait for ever.
      if (!found.isFile()) throw new RangeError('is no file');
      if (found.size > maxBytes) throw new RangeError(`is longer than ${maxBytes} bytes`);
      return await readFile(path);
    },
    lines: (path) => lines(path),
  };
}

function kindOf(entry: Dirent): 'file' | 'folder' | 'link' | undefined {
  if (entry.isFile()) return 'file';
  if (entry.isDirectory()) return 'folder';
  return entry.isSymbolicLink() ? 'link' : undefined;
}

async function* lines(path: string): AsyncGenerator<string> {
  const raw = createReadStream(path);
  const source = (await isGzip(path)) ? raw.pipe(createGunzip()) : raw;
  // A broken source must end the reader of the pipe too, or it waits for ever.
  raw.on('error', (error) => source.destroy(error));
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for await (const chunk of source) {
      rest += decoder.decode(chunk as Uint8Array, { stream: true });
      let from = 0;
      for (let end = rest.indexOf('\n', from); end >= 0; end = rest.indexOf('\n', from)) {
        yield rest.charCodeAt(end - 1) === 13 ? rest.slice(from, end - 1) : rest.slice(from, end);
        from = end + 1;
      }
      rest = rest.slice(from);
      if (rest.length > recordingLimits.maxLineLength)
        throw new RangeError('has a line too long for a CSV of recordings');
    }
  } finally {
    raw.destroy();
    source.destroy();
  }
  if (rest !== '') yield rest;
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path);
  try {
    const head = new Uint8Array(2);
    const { bytesRead } = await file.read(head, 0, 2, 0);
    return bytesRead === 2 && head[0] === 0x1f && head[1] === 0x8b;
  } finally {
    await file.close();
  }
}
