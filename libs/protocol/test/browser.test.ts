import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
const importsOf = (code: string) =>
  [...code.matchAll(/(?:^(?:import|export)\b[^'"]*?\bfrom|\bimport\s*\(|^import)\s*['"]([^'"]+)['"]/gm)]
    .map((m) => m[1]!)
    .filter((s) => s !== '');

describe('the source runs in a browser', () => {
  it('imports its own files and @pulseseal/crypto/browser, no node: module [ENC-10]', () => {
    expect(files.length).toBeGreaterThan(20);
    for (const file of files) {
      for (const specifier of importsOf(readFileSync(join(source, file), 'utf8'))) {
        if (specifier.startsWith('.')) {
          const target = relative(source, join(source, dirname(file), specifier));
          expect(files, `${file} imports ${specifier}`).toContain(target);
        } else expect(specifier, file).toBe('@pulseseal/crypto/browser');
      }
    }
  });

  it('names no global of Node', () => {
    for (const file of files) {
      const code = readFileSync(join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      expect(code, file).not.toMatch(/\b(Buffer|process|require|__dirname|setImmediate)\b/);
    }
  });

  it('the search would have found one', () => {
    expect(importsOf(`import { a } from 'node:fs'; await import("node:net")`)).toEqual(['node:fs', 'node:net']);
  });
});
