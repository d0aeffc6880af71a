import {
  type Body,
  bodyLimits,
  chooseRecordings,
  createDemoCircle,
  createNodeFiles,
  discoverRecordings,
  loadBodies,
} from '@pulseseal/device-sim';
import { OptionError } from '../start/options.ts';
import type { Person } from './contracts.ts';

export interface Circle {
  readonly bodies: readonly Body[];
  readonly people: readonly Person[];
  readonly notes: readonly string[];
}

/** Generated people of a demo circle, or the people of recordings. */
export async function gatherPeople(choice: { replay: string | null; patients: number; seed: number }): Promise<Circle> {
  const notes: string[] = [];
  const bodies =
    choice.replay === null
      ? createDemoCircle(choice.patients, choice.seed)
      : await replayed(choice.replay, choice, notes);
  for (const body of bodies) for (const note of body.notes ?? []) notes.push(`${body.name}: ${note}`);
  const people = bodies.map(
    (body, i): Person => ({
      patient: `p${String(i + 1).padStart(3, '0')}`,
      name: plain(body.patient, 80),
      bed: `Bed ${i + 1}`,
      ageYears: body.ageYears ?? null,
      record: body.record === undefined ? null : plain(body.record, 80),
    }),
  );
  return { bodies, people, notes: notes.map((note) => plain(note)) };
}

/**
 * Looks whether anything in the folder can be replayed, before processes start for it.
 * @throws OptionError naming what was left out and why
 */
export async function checkReplay(dir: string, choice: { patients: number; seed: number }): Promise<void> {
  const notes: string[] = [];
  const chosen = await choose(dir, choice, notes);
  for (const group of Map.groupBy(chosen, ({ source }) => source).values())
    if ((await loadBodies(group, leaveOut(notes))).length > 0) return;
  throw nothingToReplay(dir, notes);
}

async function replayed(
  dir: string,
  choice: { patients: number; seed: number },
  notes: string[],
): Promise<readonly Body[]> {
  const bodies = await loadBodies(await choose(dir, choice, notes), leaveOut(notes));
  if (bodies.length === 0) throw nothingToReplay(dir, notes);
  return bodies;
}

const leaveOut = (notes: string[]) => (what: string, why: string) => void notes.push(`left out ${what}: ${why}`);

async function choose(dir: string, { patients, seed }: { patients: number; seed: number }, notes: string[]) {
  const found = await discoverRecordings(dir, { files: createNodeFiles(), onSkipped: leaveOut(notes) });
  const chosen = chooseRecordings(found, { patients, seed });
  const most = bodyLimits.maxPatients;
  if (chosen.length > most)
    notes.push(`left out ${chosen.length - most} recordings: at most ${most} are replayed at once`);
  return chosen.slice(0, most);
}

/** Reasons told with the refusal of a whole folder. */
const TOLD_REASONS = 10;

function nothingToReplay(dir: string, notes: readonly string[]): OptionError {
  const told = notes.slice(0, TOLD_REASONS).map((note) => `\n  ${plain(note)}`);
  const more = notes.length > TOLD_REASONS ? `\n  and ${notes.length - TOLD_REASONS} more` : '';
  return new OptionError(
    `--replay: ${dir} holds no recording that can be replayed: WFDB (.hea with 16, 212 or MAT) or the CSV forms of the README${told.join('')}${more}`,
  );
}

/** Text of a foreign file, fit for a terminal and a board. */
function plain(text: string, most = 300): string {
  const printable = text.replace(/\p{C}+/gu, ' ');
  return printable.length > most ? `${printable.slice(0, most)} ...` : printable;
}
