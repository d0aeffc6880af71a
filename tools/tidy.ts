import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import {
  AMBIENT_ALLOWED,
  BOTH_ENDS,
  LAYERS,
  type Layer,
  MUTABLE_ALLOWED,
  NODE_ALLOWED,
  SHARED_PACKAGES,
  TEST_ONLY,
} from './layers.ts';

/** One file of the repository: path from the root with `/`, and its text. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** What a file is for; tests, benches, examples, tools and vite's own file are `aside`. */
export type Role = 'src' | 'aside';

export interface Place {
  readonly name: string;
  readonly layer: Layer;
  readonly role: Role;
}

export function placeOf(path: string): Place | undefined {
  for (const [name, layer] of Object.entries(LAYERS)) {
    if (!path.startsWith(`${layer.folder}/`)) continue;
    return { name, layer, role: path.startsWith(`${layer.folder}/src/`) ? 'src' : 'aside' };
  }
  return undefined;
}

/** Source text with comments blanked, so that words in them count for nothing. Line numbers stay. */
export function withoutComments(text: string): string {
  const blank = (part: string) => part.replace(/[^\n]/g, ' ');
  return text
    .replace(/\/\*[\s\S]*?\*\//g, blank)
    .replace(/(^|[\s;{}(),])\/\/[^\n]*/g, (part, lead: string) => lead + blank(part.slice(lead.length)));
}

/** Specifiers of static imports, re-exports and dynamic imports. */
export function specifiersOf(text: string): string[] {
  const found: string[] = [];
  const pattern =
    /(?:^|\n|;)\s*(?:import|export)\b[^;'"`]*?\bfrom\s*['"]([^'"\n]+)['"]|(?:^|\n|;)\s*import\s*['"]([^'"\n]+)['"]|\bimport\s*\(\s*['"]([^'"\n]+)['"]\s*\)/g;
  for (const match of withoutComments(text).matchAll(pattern)) found.push(match[1] ?? match[2] ?? match[3] ?? '');
  return found;
}

/** `@scope/name/deep` or `name/deep` without what is below the package. */
export function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Breaks of the layer table. */
export function layerFaults(files: readonly SourceFile[]): string[] {
  const faults: string[] = [];
  for (const { path, text } of files) {
    const place = placeOf(path);
    if (place === undefined) continue;
    for (const specifier of specifiersOf(text)) {
      const fault = layerFault(path, place, specifier);
      if (fault !== undefined) faults.push(fault);
    }
  }
  return faults;
}

function layerFault(path: string, place: Place, specifier: string): string | undefined {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    if (target.startsWith(`${place.layer.folder}/`)) return undefined;
    if (
      place.role === 'aside' &&
      (target.startsWith('tools/') || isLowerTest(place.name, target) || isOtherEnd(path, target))
    )
      return undefined;
    return `${path} imports ${specifier}, which leaves its package: packages meet through each other's mod.ts only, so that what is private can change`;
  }
  if (specifier.startsWith('node:')) {
    if (place.role === 'aside' || place.layer.isPortable !== true || NODE_ALLOWED[path] !== undefined) return undefined;
    return `${path} imports ${specifier}: ${place.name} is loaded by browsers or must run anywhere, so it may not need Node`;
  }
  if (place.role === 'src' && TEST_ONLY.includes(packageOf(specifier)) && place.name !== 'testkit')
    return `${path} imports ${specifier}: that is for tests alone; a product that loads its own false world cannot be trusted to leave it`;
  if (!specifier.startsWith('@pulseseal/')) return undefined;
  const wanted = specifier.slice('@pulseseal/'.length);
  if (place.layer.imports.includes(wanted)) return undefined;
  if (place.role === 'aside') {
    const own = wanted === place.name || wanted.startsWith(`${place.name}/`);
    // A test may use the Node side of a library whose browser side its package is held to.
    const wider = place.layer.imports.includes(`${wanted}/browser`);
    const lower = reachable(place.name).has(wanted);
    const otherEnd = isOtherEnd(path, `${LAYERS[wanted]?.folder}/`);
    if (own || wider || lower || otherEnd || wanted === 'testkit') return undefined;
  }
  return `${path} imports ${specifier}, but the row of ${place.name} in tools/layers.ts allows only ${place.layer.imports.join(', ') || 'nothing'}: arrows point one way, so that a station can be read, replaced and attacked alone`;
}

/** A test may stand on the test actors of a package below its own. */
function isLowerTest(name: string, target: string): boolean {
  const other = placeOf(target);
  return other !== undefined && reachable(name).has(other.name) && target.startsWith(`${other.layer.folder}/test/`);
}

function isOtherEnd(path: string, target: string): boolean {
  const other = placeOf(target)?.name;
  return Object.entries(BOTH_ENDS).some(
    ([test, ends]) => path.startsWith(test) && other !== undefined && ends.with.includes(other),
  );
}

/** Packages that a row reaches through any number of arrows. */
export function reachable(name: string, layers: Readonly<Record<string, Layer>> = LAYERS): ReadonlySet<string> {
  const seen = new Set<string>();
  const visit = (at: string) => {
    for (const next of layers[at]?.imports ?? []) {
      const target = next.split('/')[0]!;
      if (seen.has(target)) continue;
      seen.add(target);
      visit(target);
    }
  };
  visit(name);
  return seen;
}

/** Rows that can reach themselves: an arrow was reversed. */
export function cycles(layers: Readonly<Record<string, Layer>>): string[] {
  return Object.keys(layers).filter((name) => reachable(name, layers).has(name));
}

/** Outside packages that several source files of one package import. */
export function scatterFaults(files: readonly SourceFile[]): string[] {
  const users = new Map<string, Set<string>>();
  for (const { path, text } of files) {
    const place = placeOf(path);
    if (place?.role !== 'src') continue;
    for (const specifier of specifiersOf(text)) {
      if (/^(\.|node:|@pulseseal\/)/.test(specifier)) continue;
      const key = `${place.name} ${packageOf(specifier)}`;
      users.set(key, (users.get(key) ?? new Set()).add(path));
    }
  }
  return [...users]
    .filter(([key, paths]) => paths.size > 1 && SHARED_PACKAGES[key] === undefined)
    .map(
      ([key, paths]) =>
        `${key} is imported by ${[...paths].join(', ')}: one file wraps an outside package, so that replacing it touches one file`,
    );
}

export interface Manifest {
  readonly name?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** package.json against the imports of its package. `root` gives what every test may use. */
export function dependencyFaults(
  files: readonly SourceFile[],
  manifests: ReadonlyMap<string, Manifest>,
  root: Manifest,
): string[] {
  const faults: string[] = [];
  for (const [name, manifest] of manifests) {
    const inSrc = new Set<string>();
    const anywhere = new Set<string>();
    for (const { path, text } of files) {
      const place = placeOf(path);
      if (place?.name !== name) continue;
      for (const specifier of specifiersOf(text)) {
        if (/^(\.|\/|node:)/.test(specifier) || packageOf(specifier) === `@pulseseal/${name}`) continue;
        anywhere.add(packageOf(specifier));
        if (place.role === 'src') inSrc.add(packageOf(specifier));
      }
    }
    const declared = manifest.dependencies ?? {};
    const forTests = { ...declared, ...manifest.devDependencies, ...root.devDependencies };
    const where = `${LAYERS[name]!.folder}/package.json`;
    for (const used of inSrc)
      if (declared[used] === undefined)
        faults.push(
          `${where} does not name ${used} under dependencies, but its sources import it: it works only while another package happens to bring it`,
        );
    for (const used of anywhere)
      if (!inSrc.has(used) && forTests[used] === undefined)
        faults.push(
          `${where} does not name ${used}, but its tests or tools import it: it works only while another package happens to bring it`,
        );
    for (const [unused] of Object.entries({ ...declared, ...manifest.devDependencies }))
      if (!anywhere.has(unused) && !unused.startsWith('@types/') && !MENTIONED.has(`${name} ${unused}`))
        faults.push(`${where} names ${unused}, which nothing imports: every dependency is one more author to trust`);
    for (const [other, version] of Object.entries({ ...declared, ...manifest.devDependencies }))
      if (!/^\d+\.\d+\.\d+$/.test(version))
        faults.push(`${where} asks ${other} as ${version}: versions are exact, so that everybody runs what was tested`);
  }
  return faults;
}

/** Used without an import statement. */
const MENTIONED: ReadonlySet<string> = new Set([
  // Read as a file and run inside the page by browser.test.ts.
  'dashboards axe-core',
  // Peers of the packages that are imported: noted so that their version is pinned too.
  'crypto @hpke/core',
]);

const AMBIENT = /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.env\b|\bperformance\.now\b/;
const AMBIENT_FOLDERS = ['system/', 'dashboards/', 'libs/testkit/', 'tools/'];

/** Clock, chance and environment read outside the places that are theirs. */
export function ambientFaults(files: readonly SourceFile[]): string[] {
  return lineFaults(files, (path, line) => {
    if (placeOf(path)?.role !== 'src' || AMBIENT_FOLDERS.some((folder) => path.startsWith(folder))) return undefined;
    const found = AMBIENT.exec(line);
    if (found === null || AMBIENT_ALLOWED[path] !== undefined) return undefined;
    return `reads ${found[0]}: time, chance and settings come in as arguments, so that a test can be the world`;
  });
}

const SHORTCUTS: readonly (readonly [RegExp, string])[] = [
  [
    /(?::|\bas|<|\|)\s*any\b(?!\s*[a-z])/,
    'uses any: types are what keeps an unchecked frame out of where a checked one is needed',
  ],
  [/\.only\s*\(/, 'has .only: the other tests of the file would silently not run'],
  [
    /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/,
    'declares an enum: Node runs the sources by erasing types, and an enum cannot be erased',
  ],
  [/^\s*(?:export\s+)?namespace\s+\w/, 'declares a namespace: Node runs the sources by erasing types'],
  [/^\s*@[A-Za-z]\w*(?:\(|\s*$)/, 'uses a decorator: Node runs the sources by erasing types'],
];

/** Ways around the compiler or the test runner. */
export function shortcutFaults(files: readonly SourceFile[]): string[] {
  const code = lineFaults(files, (path, line) => {
    if (!/\.(ts|tsx)$/.test(path)) return undefined;
    const plain = line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "''");
    return SHORTCUTS.find(([pattern]) => pattern.test(plain))?.[1];
  });
  const silenced = files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, at) =>
        /^\s*(?:\/\/|\/\*|\{\/\*)\s*@ts-(?:ignore|expect-error|nocheck)/.test(line)
          ? [`${path}:${at + 1} silences the compiler: whoever reads the line cannot know what is wrong with it`]
          : [],
      ),
  );
  return [...code, ...silenced];
}

/** Module-level variables in sources. */
export function mutableFaults(files: readonly SourceFile[]): string[] {
  return lineFaults(files, (path, line) =>
    placeOf(path)?.role === 'src' && /^(?:export\s+)?(?:let|var)\s/.test(line) && MUTABLE_ALLOWED[path] === undefined
      ? 'keeps state in the module: two instances in one process or one test would share it'
      : undefined,
  );
}

/** Absolute paths of somebody's machine, in any text file. */
export function machinePathFaults(files: readonly SourceFile[]): string[] {
  const pattern = new RegExp(`(?:^|[\\s"'\`(=:])/(?:${['work', 'root', 'home', 'Users'].join('|')})/`);
  return files.flatMap(({ path, text }) =>
    text
      .split('\n')
      .flatMap((line, at) =>
        pattern.test(line)
          ? [`${path}:${at + 1} names a folder of one machine: a clone elsewhere does not have it`]
          : [],
      ),
  );
}

function lineFaults(files: readonly SourceFile[], judge: (path: string, line: string) => string | undefined): string[] {
  return files.flatMap(({ path, text }) =>
    withoutComments(text)
      .split('\n')
      .flatMap((line, at) => {
        const fault = judge(path, line);
        return fault === undefined ? [] : [`${path}:${at + 1} ${fault}`];
      }),
  );
}

/** GitHub's name of a heading as a link target. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[`*]/g, '')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

/** Links and backticked repository paths of Markdown files that lead nowhere. */
export function linkFaults(files: readonly SourceFile[], root: string): string[] {
  const faults: string[] = [];
  for (const { path, text } of files) {
    if (!path.endsWith('.md')) continue;
    const prose = text.replace(/```[\s\S]*?```/g, (block) => block.replace(/[^\n]/g, ' '));
    for (const match of prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)) {
      const fault = brokenLink(root, path, match[1]!);
      if (fault !== undefined) faults.push(fault);
    }
    for (const match of prose.matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:tsx?|mjs|md|json|css))`/g)) {
      const named = match[1]!;
      const places = ['', dirname(path), join(dirname(path), 'src')];
      if (places.some((place) => existsSync(join(root, place, named)))) continue;
      faults.push(`${path} speaks of ${named}, which does not exist: a guide that leads nowhere is worse than none`);
    }
  }
  return faults;
}

function brokenLink(root: string, from: string, link: string): string | undefined {
  if (/^[a-z]+:/i.test(link)) return undefined;
  const [file = '', anchor] = link.split('#');
  const target = file === '' ? join(root, from) : join(root, dirname(from), decodeURIComponent(file));
  if (!existsSync(target))
    return `${from} links to ${link}, which does not exist: a guide that leads nowhere is worse than none`;
  if (anchor === undefined || !target.endsWith('.md')) return undefined;
  const headings = readFileSync(target, 'utf8').matchAll(/^#+\s+(.*)$/gm);
  for (const [, heading] of headings) if (anchorOf(heading!) === anchor) return undefined;
  return `${from} links to ${link}, but ${file || 'it'} has no such heading`;
}
