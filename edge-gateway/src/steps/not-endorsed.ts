import { Refusal } from '@pulseseal/protocol';

export const notEndorsed = (): Refusal => new Refusal('not-endorsed');
