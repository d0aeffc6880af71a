import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import type { InlineConfig } from 'vite';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/**
 * The build of the board. `@pulseseal/crypto` always means its browser half here: the native half imports `node:crypto`,
 * which a browser does not have.
 */
const config: InlineConfig = {
  root: here('.'),
  base: '/',
  logLevel: 'warn',
  plugins: [react()],
  resolve: {
    alias: [{ find: /^@pulseseal\/crypto(\/browser)?$/, replacement: here('../libs/crypto/src/browser.ts') }],
  },
  build: {
    outDir: here('./dist'),
    emptyOutDir: true,
    target: 'es2023',
    sourcemap: false,
    reportCompressedSize: false,
    // Inlined data: URLs would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
};

export default config;
