import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPortableCrypto } from '@pulseseal/crypto';
import { allVectors } from './vectors.ts';

/** `node tools/make-vectors.ts`: writes `vectors/*.json`, the same bytes on every run. */
const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'vectors');
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(await allVectors(createPortableCrypto()))) {
  writeFileSync(join(folder, name), text);
  console.log(`${name}: ${text.length} bytes`);
}
