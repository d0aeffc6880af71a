export * from './clock.ts';
export * from './failure.ts';
export * from './log.ts';
export * from './metrics.ts';
export * from './queue.ts';
export * from './random.ts';
