import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Random } from '@pulseseal/runtime';
import { createNodeFileSystem, type FileSystem } from '../src/mod.ts';

interface Image {
  synced: Buffer;
  pending: { at: number; bytes: Uint8Array }[];
  /** Whether the folder was synced since the file came. */
  hasName: boolean;
}

/** A disk whose power can be cut: what was synced stays; of what was not, any beginning, and a torn end. */
export function createPowerCutDisk(random: Random): FileSystem & { cut(): void } {
  const disk = createNodeFileSystem();
  const images = new Map<string, Image>();
  let isOff = false;
  const live = () => {
    if (isOff) throw Object.assign(new Error('power is off'), { code: 'EIO' });
  };
  const apply = (content: Buffer, at: number, bytes: Uint8Array): Buffer => {
    const out = Buffer.alloc(Math.max(content.length, at + bytes.length));
    content.copy(out);
    out.set(bytes, at);
    return out;
  };
  const settle = (image: Image) => {
    for (const { at, bytes } of image.pending) image.synced = apply(image.synced, at, bytes);
    image.pending = [];
  };
  return {
    ...disk,
    async open(path, mode) {
      live();
      if (mode === 'read') return disk.open(path, mode);
      const isNew = !existsSync(path);
      const file = await disk.open(path, mode);
      if (!images.has(path) || mode === 'create')
        images.set(path, {
          synced: mode === 'create' ? Buffer.alloc(0) : readFileSync(path),
          pending: [],
          hasName: !isNew,
        });
      const image = images.get(path)!;
      return {
        ...file,
        async write(bytes, at) {
          live();
          const written = await file.write(bytes, at);
          image.pending.push({ at, bytes: bytes.slice(0, written) });
          return written;
        },
        async sync() {
          live();
          const covered = image.pending.length;
          await file.sync();
          live();
          const rest = image.pending.splice(covered);
          settle(image);
          image.pending = rest;
        },
        async truncate(size) {
          live();
          await file.truncate(size);
          settle(image);
          image.synced = image.synced.subarray(0, size);
        },
      };
    },
    async syncFolder(dir) {
      live();
      await disk.syncFolder(dir);
      live();
      for (const [path, image] of images) if (dirname(path) === dir) image.hasName = true;
    },
    async remove(path) {
      live();
      await disk.remove(path);
      images.delete(path);
    },
    cut() {
      isOff = true;
      for (const [path, image] of images) {
        if (!image.hasName && random.unit() < 0.5) {
          rmSync(path, { force: true });
          continue;
        }
        let content = image.synced;
        const kept = Math.floor(random.unit() * (image.pending.length + 1));
        for (const { at, bytes } of image.pending.slice(0, kept)) content = apply(content, at, bytes);
        const torn = image.pending[kept];
        if (torn !== undefined) {
          const length = Math.floor(random.unit() * (torn.bytes.length + 1));
          // Size may reach the disk before content: the rest of the write is zeros then.
          const bytes = new Uint8Array(random.unit() < 0.5 ? length : torn.bytes.length);
          bytes.set(torn.bytes.subarray(0, length));
          content = apply(content, torn.at, bytes);
        }
        writeFileSync(path, content);
      }
    },
  };
}
