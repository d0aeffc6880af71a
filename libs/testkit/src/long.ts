/**
 * How many times as long as in `npm test` the repeating loops run: `PULSESEAL_LONG`, which `npm run test:long` sets;
 * 1 when nobody asked.
 */
export const longFactor = (): number => Math.max(1, Number(process.env.PULSESEAL_LONG) || 1);

/** The long run: loops in full, and what is too slow for `npm test`. */
export const isLong = (): boolean => longFactor() > 1;
