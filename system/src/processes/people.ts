import {
  type Body,
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
      name: body.patient,
      bed: `Bed ${i + 1}`,
      ageYears: body.ageYears ?? null,
      record: body.record ?? null,
    }),
  );
  return { bodies, people, notes };
}

async function replayed(
  dir: string,
  { patients, seed }: { patients: number; seed: number },
  notes: string[],
): Promise<readonly Body[]> {
  const found = await discoverRecordings(dir, {
    files: createNodeFiles(),
    onSkipped: (what, why) => notes.push(`left out ${what}: ${why}`),
  });
  const chosen = chooseRecordings(found, { patients, seed });
  if (chosen.length === 0)
    throw new OptionError(
      `--replay: ${dir} holds no recording that can be replayed: WFDB (.hea with 16, 212 or MAT) or the CSV forms of the README`,
    );
  return loadBodies(chosen);
}
