export * from './board.ts';
export * from './events.ts';
