/** How a person's saturation falls, beat for beat (a beat a second), until the hard limit's rule raises its alert. */

const WELL = 97;
/** Under the hard limit of 80. */
const LOW = 79;
/** A steeper fall is taken for an artifact (8 points in 4 s). */
const FALL_PER_BEAT = 2;
/** From the begin of the fall to the first value under the limit. */
const BEATS_TO_LOW = Math.ceil((WELL - LOW) / FALL_PER_BEAT);
/** The rule's delay of 10 s: the frame of this beat after the first low one raises the alert. */
const RULE_DELAY_BEATS = 10;

/** Of the frame that raises the alert, counted from the begin of the fall. */
export const BEATS_TO_ALERT = BEATS_TO_LOW + RULE_DELAY_BEATS;

/** Per cent; `beats` since the fall began, less than 0 before. */
export const saturationAt = (beats: number): number =>
  beats < 0 || beats > BEATS_TO_ALERT ? WELL : Math.max(LOW, WELL - FALL_PER_BEAT * beats);
