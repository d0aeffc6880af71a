export * from './bodies/mod.ts';
export * from './device/mod.ts';
export * from './fleet/mod.ts';
export * from './link/mod.ts';
export * from './recordings/mod.ts';
