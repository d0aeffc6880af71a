export * from './bytes.ts';
export * from './native.ts';
export * from './portable.ts';
export * from './provider.ts';
export * from './registry.ts';
