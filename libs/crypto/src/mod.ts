export * from './bytes.ts';
export type { KeyStoreFailureCode } from './failures.ts';
export {
  createMemoryKeyStore,
  type KeyStore,
  type KeyStoreClock,
  type KeyStoreItem,
} from './key-store.ts';
export * from './key-store-file.ts';
export * from './native.ts';
export * from './portable.ts';
export * from './provider.ts';
export * from './registry.ts';
export * from './x509.ts';
