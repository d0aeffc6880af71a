import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkReplay, gatherPeople } from '../src/processes/people.ts';
import { OptionError } from '../src/start/options.ts';
import { scratchFolder } from './support/run.ts';

let scratch: Awaited<ReturnType<typeof scratchFolder>>;
beforeAll(async () => {
  scratch = await scratchFolder('people');
});
afterAll(() => scratch?.remove());

const choice = { patients: 20, seed: 1 };
/** A folder of recordings by name and content. */
function folder(name: string, files: Readonly<Record<string, string | Uint8Array>>): string {
  const dir = join(scratch.dir, name);
  mkdirSync(dir);
  for (const [file, data] of Object.entries(files)) writeFileSync(join(dir, file), data);
  return dir;
}
const header = (record: string, frames: number) =>
  `${record} 1 250 ${frames}\n${record}.dat 16 400(0)/mV 16 0 0 0 0 II\n`;
const short = { 'short.hea': header('short', 500), 'short.dat': new Uint8Array(10).fill(1) };

describe('the people of a replay', () => {
  it('are those of the recordings that can be read; each other one is named with its reason', async () => {
    const dir = folder('mixed', {
      'good.hea': header('good', 500),
      'good.dat': new Uint8Array(1000).fill(1),
      'stays.csv': 'record,minute,param,value\n7,0,HR,70\n7,1,HR,1e300\n8,0,HR,1e300\n',
      ...short,
    });
    await checkReplay(dir, choice);
    const { people, bodies, notes } = await gatherPeople({ replay: dir, ...choice });
    expect(people.map(({ name, record }) => [name, record])).toEqual([
      ['Recording good', 'good'],
      ['ICU 7', '7'],
    ]);
    expect(bodies.every(({ devices }) => devices.length > 0)).toBe(true);
    expect(notes).toContain(
      `left out ${join(dir, 'short.hea')}: recording short: its file holds 5 of 500 frames; it may be cut`,
    );
    expect(notes.join('\n')).toContain(
      'recording 8: nothing in it can be sent; left out, numbers too large to send: HR',
    );
    expect(notes).toContain('icu-7: left out, numbers too large to send: HR');
  });

  it('of a folder of which nothing can be read are refused at once, with the reasons', async () => {
    const dir = folder('broken', { ...short, 'empty.csv': '', 'notes.txt': 'x' });
    for (const task of [() => checkReplay(dir, choice), () => gatherPeople({ replay: dir, ...choice })]) {
      const error = await task().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(OptionError);
      const { message } = error as OptionError;
      expect(message).toContain(dir);
      expect(message).toMatch(/short\.hea: .*5 of 500 frames/);
      expect(message).toMatch(/empty\.csv: is empty/);
      expect(message.split('\n')).toHaveLength(3);
    }
  });

  it('bring no control characters of a file onto a terminal or a board', async () => {
    const dir = folder('escapes', {
      'stays.csv': `record,minute,param,value\n\u001b[2J7${'9'.repeat(500)},0,HR,70\n`,
      'bell.hea': header('bell', 5).concat('# \u0007ring\n'),
      'bell.dat': new Uint8Array(10),
    });
    const { people, notes } = await gatherPeople({ replay: dir, ...choice });
    const said = [...notes, ...people.flatMap(({ name, record }) => [name, record ?? ''])];
    expect(said.some((text) => text.includes('ring'))).toBe(true);
    for (const text of said) expect(text).not.toMatch(/\p{C}/u);
    for (const { name } of people) expect(name.length).toBeLessThan(100);
  });
});
