import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Plants known bugs, one at a time, into a copy of the working tree and runs the tests that must notice.
 * `node tools/planted-bugs.ts [part of a bug's name]`; exit 1 when one goes unnoticed. Not part of `npm test`: it takes
 * some minutes and says something about the tests, not about the code.
 */
interface Change {
  readonly file: string;
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly put: string;
}

interface Bug {
  readonly name: string;
  readonly changes: readonly Change[];
  readonly tests: readonly string[];
}

const BUGS: readonly Bug[] = [
  {
    name: 'acknowledge before sync',
    changes: [
      {
        file: 'edge-gateway/src/steps/frame.ts',
        find: 'border.journal.after(new FrameWaiter(border, epoch, frame, position, arrivedMs, epoch.received.next, done));',
        put: "border.journal.after(new FrameWaiter(border, epoch, frame, position, arrivedMs, epoch.received.next, () => {}));\n  done('acknowledge');",
      },
    ],
    tests: ['edge-gateway/test/commit.test.ts'],
  },
  {
    name: 'skip the tag',
    changes: [
      {
        file: 'libs/protocol/src/open.ts',
        find: "if (!equalBytes(expected, frame.gt)) refuse('mac-fail');",
        put: "if (expected.length !== frame.gt.length) refuse('mac-fail');",
      },
    ],
    tests: ['libs/protocol/test/flips.test.ts', 'edge-gateway/test/refusals.test.ts'],
  },
  {
    name: 'accept an older epoch (gateway)',
    changes: [
      {
        file: 'edge-gateway/src/steps/open.ts',
        find: "if (open.boot < stored.boot || (open.boot === stored.boot && open.epoch < stored.epoch)) refuse('stale-counter');",
        put: '',
      },
    ],
    tests: ['edge-gateway/test/refusals.test.ts', 'system/test/attacks/refusals.test.ts'],
  },
  {
    name: 'accept an older epoch (recipient)',
    changes: [
      {
        file: 'stream-processor/src/high-water.ts',
        find: "if (isOffline || (newest !== undefined && !isAbove(open, newest))) return { kind: 'history' };",
        put: "if (isOffline) return { kind: 'history' };",
      },
    ],
    tests: ['stream-processor/test/accept.test.ts', 'stream-processor/test/restart.test.ts'],
  },
  {
    name: 'drop dedupe',
    changes: [
      {
        file: 'edge-gateway/src/steps/frame.ts',
        find: 'const admission = epoch.received.judge(frame.seq, verified.leaf);',
        put: "const judged = epoch.received.judge(frame.seq, verified.leaf);\n    const admission = judged === 'duplicate' ? 'new' : judged;",
      },
    ],
    tests: ['edge-gateway/test/restart.test.ts', 'system/test/attacks/refusals.test.ts'],
  },
  {
    name: 'hand the gateway a data key',
    changes: [
      // The device seals the secret of scope 1 to the gateway in place of a key for this link alone, and the gateway keeps it.
      {
        file: 'edge-gateway/test/raw-device.ts',
        find: '    [1, random()],\n',
        put: '    [1, gwk],\n',
      },
      {
        file: 'edge-gateway/src/epochs.ts',
        find: 'const gwk = await openGatewayWrap(',
        put: 'const gwk = await keepOpened(',
      },
      {
        file: 'edge-gateway/src/epochs.ts',
        find: 'export async function openLinkKeys(',
        put: `const opened: Uint8Array[] = [];
async function keepOpened(...args: Parameters<typeof openGatewayWrap>): Promise<Uint8Array> {
  const key = await openGatewayWrap(...args);
  opened.push(key.slice());
  return key;
}

export async function openLinkKeys(`,
      },
    ],
    tests: ['system/test/attacks/secrets.test.ts'],
  },
  {
    name: 'trust the bundle’s own keys',
    changes: [
      {
        file: 'libs/protocol/src/verify-proof.ts',
        find: 'holds && trust !== undefined && among(trust.owners, owner) && signers.every((s) => among(trust.signers, s));',
        put: 'holds && among([owner], owner) && signers.every((s) => among(signers, s));',
      },
    ],
    tests: ['libs/protocol/test/proof.test.ts', 'libs/protocol/test/verified.test.ts'],
  },
  {
    name: 'count the PUBACK of any TLS server',
    changes: [
      {
        file: 'device-sim/src/device/sending.ts',
        find: 'return expected != null && actual !== undefined && same(expected, actual);',
        put: 'return expected != null && actual !== undefined;',
      },
    ],
    tests: ['system/test/attacks/login.test.ts'],
  },
  {
    name: 'take a login of another TLS session',
    changes: [
      {
        file: 'libs/protocol/src/login.ts',
        find: "demand(context.exporter !== undefined && equalBytes(token.body.exporter, context.exporter), 'login-refused');",
        put: "demand(context.exporter !== undefined, 'login-refused');",
      },
    ],
    tests: ['edge-gateway/test/access.test.ts', 'system/test/attacks/login.test.ts'],
  },
  {
    name: 'open a secret that the device did not commit to (salamander)',
    changes: [
      {
        file: 'stream-processor/src/accept.ts',
        find: "demand(equalBytes(made, open.commitments.get(scope)!), 'commitment-mismatch');",
        put: "demand(made.length === open.commitments.get(scope)!.length, 'commitment-mismatch');",
      },
    ],
    tests: ['stream-processor/test/accept.test.ts'],
  },
  {
    name: 'end a consent that another owner revoked',
    changes: [
      {
        file: 'edge-gateway/src/ledger-view.ts',
        find: '(pseudonym: Uint8Array, rid: Uint8Array, consent: Uint8Array): string',
        put: '(_: Uint8Array, rid: Uint8Array, consent: Uint8Array, pseudonym = new Uint8Array(0)): string',
      },
    ],
    tests: ['edge-gateway/test/consent.test.ts'],
  },
  {
    name: 'forget at a restart which consents have ended',
    changes: [
      { file: 'edge-gateway/src/gateway.ts', find: 'revoked: catalogue.revokedConsents(),', put: 'revoked: [],' },
    ],
    tests: ['edge-gateway/test/consent.test.ts'],
  },
];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const TEST_LIMIT_MS = 300_000;

/** The tree as it stands, without what git ignores; packages of the copy find each other, not the originals. */
function copyTree(to: string): void {
  const listed = spawnSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  for (const path of listed.stdout.split('\0')) {
    if (path === '' || !existsSync(join(root, path))) continue;
    mkdirSync(dirname(join(to, path)), { recursive: true });
    copyFileSync(join(root, path), join(to, path));
  }
  const scope = join(to, 'node_modules', '@pulseseal');
  mkdirSync(scope, { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) {
    if (name !== '@pulseseal' && !name.startsWith('.vite'))
      symlinkSync(join(root, 'node_modules', name), join(to, 'node_modules', name));
  }
  const workspaces = JSON.parse(readFileSync(join(to, 'package.json'), 'utf8')).workspaces as readonly string[];
  for (const folder of workspaces) {
    const { name } = JSON.parse(readFileSync(join(to, folder, 'package.json'), 'utf8')) as { name: string };
    symlinkSync(join(to, folder), join(scope, name.slice('@pulseseal/'.length)));
  }
}

interface Outcome {
  readonly failed: readonly string[];
  /** Files in which no test ran: the patch broke the code instead of planting a bug. */
  readonly unloaded: readonly string[];
}

function runTests(dir: string, tests: readonly string[]): Outcome {
  const report = join(dir, 'planted-report.json');
  rmSync(report, { force: true });
  spawnSync(
    process.execPath,
    [join(dir, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...tests, '--reporter=json', `--outputFile=${report}`],
    { cwd: dir, timeout: TEST_LIMIT_MS, stdio: 'ignore', env: { ...process.env, PULSESEAL_LONG: '' } },
  );
  if (!existsSync(report)) return { failed: [], unloaded: tests };
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
    testResults: { name: string; assertionResults: { fullName: string; status: string }[] }[];
  };
  const failed: string[] = [];
  const unloaded: string[] = [];
  for (const file of testResults) {
    const name = file.name.slice(file.name.indexOf(dir) + dir.length + 1);
    if (file.assertionResults.length === 0) unloaded.push(name);
    for (const test of file.assertionResults) if (test.status === 'failed') failed.push(`${name} > ${test.fullName}`);
  }
  return { failed, unloaded };
}

function plant(dir: string, changes: readonly Change[]): () => void {
  const before = new Map<string, string>();
  for (const { file, find, put } of changes) {
    const path = join(dir, file);
    const text = readFileSync(path, 'utf8');
    if (text.split(find).length !== 2) throw new Error(`${file} does not hold this exactly once: ${find}`);
    if (!before.has(path)) before.set(path, text);
    writeFileSync(
      path,
      text.replace(find, () => put),
    );
  }
  return () => {
    for (const [path, text] of before) writeFileSync(path, text);
  };
}

function main(wanted: string): number {
  const bugs = BUGS.filter((bug) => bug.name.includes(wanted));
  const dir = mkdtempSync(join(tmpdir(), 'planted-'));
  try {
    copyTree(dir);
    const honest = runTests(dir, [...new Set(bugs.flatMap((bug) => bug.tests))]);
    const known = new Set(honest.failed);
    for (const test of [...honest.failed, ...honest.unloaded]) console.log(`without any bug this fails: ${test}`);
    let unnoticed = honest.unloaded.length;
    for (const bug of bugs) {
      const restore = plant(dir, bug.changes);
      const { failed, unloaded } = runTests(dir, bug.tests);
      restore();
      const noticed = failed.filter((test) => !known.has(test));
      console.log(`${noticed.length > 0 ? '\u2713' : '\u2717'} ${bug.name}`);
      for (const test of noticed) console.log(`    ${test}`);
      for (const file of unloaded) console.log(`    ${file} did not run`);
      if (noticed.length === 0) unnoticed++;
    }
    console.log(`${bugs.length} bugs planted, ${unnoticed} unnoticed`);
    return unnoticed === 0 ? 0 : 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

process.exitCode = main(process.argv[2] ?? '');
