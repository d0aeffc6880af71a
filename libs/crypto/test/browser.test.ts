import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';

const source = join(dirname(fileURLToPath(import.meta.url)), '..', 'src');

/** Specifiers of static imports, re-exports and literal dynamic imports. Type-only ones vanish and do not count. */
function importsOf(file: string): readonly string[] {
  const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const pattern =
    /\b(?:import|export)\s+(?!type\b)(?:[\w*{}\s,$]+?\s+from\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g;
  return [...code.matchAll(pattern)].map((match) => match[1] ?? match[2] ?? '');
}

/** Every file and bare `node:` name that can be reached from an entry. */
function reach(entry: string): { readonly files: ReadonlySet<string>; readonly builtins: ReadonlySet<string> } {
  const files = new Set<string>();
  const builtins = new Set<string>();
  const open = [entry];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const specifier of importsOf(file)) {
      if (specifier.startsWith('.')) open.push(resolve(dirname(file), specifier));
      else {
        const found = createRequire(pathToFileURL(file)).resolve(specifier);
        if (found.startsWith('/')) open.push(found);
        else builtins.add(found);
      }
    }
  }
  return { files, builtins };
}

describe('browser export', () => {
  test('reaches no platform module, noble included', () => {
    const { files, builtins } = reach(join(source, 'browser.ts'));
    expect([...builtins]).toEqual([]);
    expect([...files].some((file) => file.includes('@noble/post-quantum'))).toBe(true);
    expect(files.size).toBeGreaterThan(15);
  });

  test('the search would have found one', () => {
    expect([...reach(join(source, 'mod.ts')).builtins]).toContain('node:crypto');
  });

  test('names no global of Node', () => {
    const own = [...reach(join(source, 'browser.ts')).files].filter((file) => file.startsWith(source));
    for (const file of own) {
      const code = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      expect(code, file).not.toMatch(/\b(Buffer|process|require|__dirname|setImmediate)\b/);
    }
    // The search itself can fail.
    expect(runInNewContext('typeof Buffer')).toBe('undefined');
  });
});
