export * from './bodies/mod.ts';
