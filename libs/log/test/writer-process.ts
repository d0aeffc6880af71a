// Appends numbered records, many at once, and prints each number once it is acknowledged, until it is killed.
import { writeSync } from 'node:fs';
import { openLog } from '../src/mod.ts';
import { numbered } from './records.ts';

const log = await openLog({ dir: process.argv[2]!, segmentBytes: 2 ** 20 });
let next = Number(process.argv[3]);
const appendOn = async () => {
  while (true) {
    const i = next++;
    await log.append(numbered(i, 20 + (i % 300)));
    writeSync(1, `${i}\n`);
  }
};
await Promise.all(Array.from({ length: 16 }, appendOn));
