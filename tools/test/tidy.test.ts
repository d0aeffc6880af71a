import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { AMBIENT_ALLOWED, BOTH_ENDS, LAYERS, MUTABLE_ALLOWED, NODE_ALLOWED } from '../layers.ts';
import {
  ambientFaults,
  anchorOf,
  cycles,
  dependencyFaults,
  layerFaults,
  linkFaults,
  type Manifest,
  machinePathFaults,
  mutableFaults,
  type SourceFile,
  scatterFaults,
  shortcutFaults,
  specifiersOf,
} from '../tidy.ts';

const root = join(fileURLToPath(import.meta.url), '..', '..', '..');
const names = (tracked() ?? walked('')).filter(
  (name) => existsSync(join(root, name)) && statSync(join(root, name)).size < 2 ** 20,
);
const read = (pattern: RegExp): SourceFile[] =>
  names.filter((name) => pattern.test(name)).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));

const code = read(/\.(ts|tsx|mjs)$/);
const manifestOf = (folder: string) => JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
const manifests = new Map(Object.entries(LAYERS).map(([name, layer]) => [name, manifestOf(layer.folder)]));

/** What git has or would take; undefined where it knows nothing, as in an archive of the sources. */
function tracked(): string[] | undefined {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard'];
  const { status, stdout } = spawnSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 });
  return status === 0 ? stdout.split('\0').filter((name) => name !== '') : undefined;
}

/** Everything outside the folders that .gitignore names. */
function walked(folder: string): string[] {
  const ignored = readFileSync(join(root, '.gitignore'), 'utf8').match(/[\w-]+(?=\/$)/gm) ?? [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) return [...ignored, '.git'].includes(entry.name) ? [] : walked(path);
    return entry.isFile() ? [path] : [];
  });
}

describe('the repository', () => {
  it('is seen whole', () => {
    for (const { folder } of Object.values(LAYERS))
      expect(
        code.some((file) => file.path.startsWith(`${folder}/src/`)),
        folder,
      ).toBe(true);
  });
  it('obeys the layer table', () => expect(layerFaults(code)).toEqual([]));
  it('imports each outside package in one file per package', () => expect(scatterFaults(code)).toEqual([]));
  it('declares exactly what it imports, in exact versions', () =>
    expect(dependencyFaults(code, manifests, manifestOf('.'))).toEqual([]));
  it('takes time, chance and settings as arguments', () => expect(ambientFaults(code)).toEqual([]));
  it('goes around neither compiler nor test runner', () =>
    expect(shortcutFaults(code.filter((file) => !file.path.startsWith('tools/test/')))).toEqual([]));
  it('keeps no state in modules', () => expect(mutableFaults(code)).toEqual([]));
  it('names no folder of one machine', () =>
    expect(
      machinePathFaults(read(/\.(ts|tsx|mjs|md|json|html|css)$|^\.ci\//).filter((f) => f.path !== 'package-lock.json')),
    ).toEqual([]));
  it('links to what exists', () => expect(linkFaults(read(/\.md$/), root)).toEqual([]));
  it('has no exception for a file that is gone', () => {
    const excepted = [AMBIENT_ALLOWED, NODE_ALLOWED, MUTABLE_ALLOWED, BOTH_ENDS].flatMap((table) => Object.keys(table));
    expect(excepted.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

describe('the checker', () => {
  const file = (path: string, text: string): SourceFile[] => [{ path, text }];

  it('finds every way to import, and none in a comment', () => {
    const text = [
      "import a from 'a';",
      "import type { B } from 'b';",
      "import {\n  c,\n} from 'c/deep';",
      "export * from 'd';",
      "import 'e';",
      "const f = await import('f');",
      "// import g from 'g';",
      "/* export * from 'h'; */",
    ].join('\n');
    expect(specifiersOf(text).sort()).toEqual(['a', 'b', 'c/deep', 'd', 'e', 'f']);
  });

  it('refuses each reversed arrow of the table', () => {
    let reversed = 0;
    for (const [name, layer] of Object.entries(LAYERS)) {
      for (const imported of layer.imports) {
        const lower = LAYERS[imported.split('/')[0]!]!;
        const faults = layerFaults(file(`${lower.folder}/src/x.ts`, `import { y } from '@pulseseal/${name}';`));
        expect(faults, `${imported} -> ${name}`).toHaveLength(1);
        reversed++;
      }
    }
    expect(reversed).toBeGreaterThan(40);
  });

  it('has a table without circles, and sees one when an arrow is turned', () => {
    expect(cycles(LAYERS)).toEqual([]);
    const turned = { ...LAYERS, runtime: { ...LAYERS.runtime!, imports: ['edge-gateway'] } };
    expect(cycles(turned)).toContain('runtime');
  });

  it.each([
    ['a service that imports a service', 'edge-gateway/src/x.ts', "import { y } from '@pulseseal/twin-service';"],
    ['a way around mod.ts', 'edge-gateway/src/x.ts', "import { y } from '../../libs/log/src/segment.ts';"],
    ['Node in the browser', 'dashboards/src/app/x.ts', "import { readFile } from 'node:fs/promises';"],
    ['native crypto in the browser', 'dashboards/src/app/x.ts', "import { y } from '@pulseseal/crypto';"],
    ['the testkit in a source', 'twin-service/src/x.ts', "import { y } from '@pulseseal/testkit';"],
    ['a service in a test of another', 'edge-gateway/test/x.ts', "import { y } from '@pulseseal/twin-service';"],
  ])('refuses %s', (_, path, text) => expect(layerFaults(file(path, text))).toHaveLength(1));

  it('lets tests use the testkit, their own package and the Node side of a library', () => {
    const text = "import '@pulseseal/testkit';\nimport '@pulseseal/protocol';\nimport '@pulseseal/crypto';";
    expect(layerFaults(file('libs/protocol/test/x.test.ts', text))).toEqual([]);
  });

  it('lets named tests use the other end, and nobody else', () => {
    const text = "import { createDevice } from '../../device-sim/src/mod.ts';";
    expect(layerFaults(file('patient-agent/test/x.test.ts', text))).toEqual([]);
    expect(layerFaults(file('patient-agent/src/x.ts', text))).toHaveLength(1);
    expect(layerFaults(file('edge-gateway/test/x.test.ts', text))).toHaveLength(1);
  });

  it('counts the files that import an outside package', () => {
    const two = [
      ...file('edge-gateway/src/a.ts', "import 'aedes';"),
      ...file('edge-gateway/src/b.ts', "import 'aedes/x';"),
    ];
    expect(scatterFaults(two)).toHaveLength(1);
    expect(scatterFaults(two.slice(1))).toEqual([]);
  });

  it('compares imports with package.json in both directions', () => {
    const own = new Map([['log', { dependencies: { unused: '1.0.0', loose: '^1.0.0' } }]]);
    const used = file('libs/log/src/x.ts', "import 'missing';\nimport 'loose';");
    const faults = dependencyFaults(used, own, {});
    expect(faults.map((fault) => /missing|unused|loose/.exec(fault)?.[0]).sort()).toEqual([
      'loose',
      'missing',
      'unused',
    ]);
  });

  it.each(['Date.now()', 'new Date()', 'Math.random()', 'process.env.X', 'performance.now()'])('sees %s', (text) => {
    expect(ambientFaults(file('libs/log/src/x.ts', `const a = ${text};`))).toHaveLength(1);
    expect(ambientFaults(file('libs/log/src/x.ts', `// ${text}`))).toEqual([]);
    expect(ambientFaults(file('libs/log/test/x.ts', `const a = ${text};`))).toEqual([]);
  });

  it.each([
    'const a: any = 1;',
    'f(a as any);',
    'const a: Map<any, string> = b;',
    'it.only("a", () => {});',
    'export enum A { B }',
    'namespace A {}',
    '@sealed',
    '// @ts-ignore',
    '// @ts-expect-error wrong',
  ])('refuses the shortcut %s', (text) => expect(shortcutFaults(file('libs/log/src/x.ts', text))).toHaveLength(1));

  it('does not take words for shortcuts', () => {
    const text = "/** any key: any of them */\nconst a = 'port: any';\nfor (const b of c) d(b);";
    expect(shortcutFaults(file('libs/log/src/x.ts', text))).toEqual([]);
  });

  it('sees state in a module, not in a function', () => {
    expect(mutableFaults(file('libs/log/src/x.ts', 'let count = 0;'))).toHaveLength(1);
    expect(mutableFaults(file('libs/log/src/x.ts', 'function f() {\n  let count = 0;\n}'))).toEqual([]);
  });

  it('sees a folder of one machine, not a word of a path or address', () => {
    const home = ['', 'home', 'ana', 'x'].join('/');
    expect(machinePathFaults(file('docs/x.md', `put it in ${home}`))).toHaveLength(1);
    expect(machinePathFaults(file('docs/x.md', 'https://example.org/home/x and docs/work/x'))).toEqual([]);
  });

  it('follows links, headings and paths in prose', () => {
    const good = '[a](../README.md) `libs/log/src/log.ts`';
    const bad = '[a](nowhere.md) [b](../README.md#no-such-heading) `libs/log/src/nowhere.ts`';
    expect(linkFaults(file('docs/x.md', good), root)).toEqual([]);
    expect(linkFaults(file('docs/x.md', bad), root)).toHaveLength(3);
    expect(anchorOf('One heartbeat, `sealed` (twice)')).toBe('one-heartbeat-sealed-twice');
  });
});
