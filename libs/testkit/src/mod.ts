export * from './long.ts';
export * from './manual-clock.ts';
export * from './shared.ts';
