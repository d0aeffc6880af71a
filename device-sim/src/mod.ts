export * from './bodies/mod.ts';
export * from './recordings/mod.ts';
