import { limits } from './limits.ts';

/** What has no place in a name: control and unassigned characters, and those that turn the direction of text around. */
const forbidden = /[\p{Cc}\p{Cs}\p{Co}\p{Cn}\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/u;

/**
 * The name that a person gave, with single spaces and composed letters; undefined where it is none: no letter, longer than
 * `limits.personChars`, or made to look like another text.
 */
export function personName(text: string): string | undefined {
  const name = text.normalize('NFC').replaceAll(/\s+/g, ' ').trim();
  if (name.length > limits.personChars || forbidden.test(name) || !/\p{L}/u.test(name)) return undefined;
  return name;
}
