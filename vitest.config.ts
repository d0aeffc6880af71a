import { defineConfig } from 'vitest/config';

const isLong = Number(process.env.PULSESEAL_LONG) > 1;

export default defineConfig({
  test: {
    include: ['**/test/**/*.test.ts', '**/test/**/*.test.tsx'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    // Two cores: more workers only make the crash loops and servers wait for each other.
    maxWorkers: 2,
    // A bound on hanging, not a measure of speed: shared machines are slow, and the long loops run for minutes.
    testTimeout: isLong ? 1_800_000 : 120_000,
    hookTimeout: 120_000,
  },
});
