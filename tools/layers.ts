/**
 * The layer table: which package may import which. A package's sources may import only what its row names; its tests
 * and tools may also import itself by name and the testkit. `tools/test/tidy.test.ts` holds it.
 *
 * Why at all: the edge must not be able to reach a line that opens a frame of the care side, a device library must run
 * without any service, and what a browser loads must reach no `node:` module.
 */
export interface Layer {
  readonly folder: string;
  /** Packages whose mod.ts this package's sources may import. */
  readonly imports: readonly string[];
  /** No `node:` module in its sources: it is loaded by browsers or must run anywhere. */
  readonly isPortable?: true;
}

const care = ['runtime', 'crypto', 'log', 'protocol', 'bus', 'ledger', 'firmware-profiles'] as const;

export const LAYERS: Readonly<Record<string, Layer>> = {
  runtime: { folder: 'libs/runtime', imports: [] },
  crypto: { folder: 'libs/crypto', imports: ['runtime'] },
  log: { folder: 'libs/log', imports: ['runtime'] },
  protocol: { folder: 'libs/protocol', imports: ['crypto/browser'], isPortable: true },
  bus: { folder: 'libs/bus', imports: ['runtime', 'log'] },
  chaincode: { folder: 'chaincode', imports: ['crypto', 'protocol'], isPortable: true },
  ledger: { folder: 'libs/ledger', imports: ['runtime', 'crypto', 'log', 'protocol', 'bus', 'chaincode'] },
  'firmware-profiles': { folder: 'firmware-profiles', imports: [], isPortable: true },
  'device-sim': { folder: 'device-sim', imports: ['runtime', 'crypto', 'log', 'protocol', 'firmware-profiles'] },
  'edge-gateway': { folder: 'edge-gateway', imports: ['runtime', 'crypto', 'log', 'protocol', 'bus', 'ledger'] },
  'stream-processor': { folder: 'stream-processor', imports: care },
  'twin-service': { folder: 'twin-service', imports: care },
  'patient-agent': { folder: 'patient-agent', imports: ['runtime', 'crypto', 'log', 'protocol', 'ledger'] },
  dashboards: { folder: 'dashboards', imports: ['crypto/browser', 'protocol', 'firmware-profiles'], isPortable: true },
  system: {
    folder: 'system',
    imports: [
      ...care,
      'chaincode',
      'device-sim',
      'edge-gateway',
      'stream-processor',
      'twin-service',
      'patient-agent',
      'dashboards',
    ],
  },
  testkit: { folder: 'libs/testkit', imports: ['runtime', 'crypto', 'log', 'protocol'] },
};

/** Only tests, benches, examples and tools may import these. */
export const TEST_ONLY: readonly string[] = [
  '@pulseseal/testkit',
  'vitest',
  'fast-check',
  'playwright-core',
  'axe-core',
  'cborg',
  'hpke',
  '@hpke/core',
  '@hpke/hybridkem-x-wing',
];

/** Outside packages that more than one source file of a package may import, with the reason. */
export const SHARED_PACKAGES: Readonly<Record<string, string>> = {
  'dashboards react': 'a component is written in it; wrapping it would hide nothing',
  'crypto @noble/post-quantum':
    'one file per family (ML-KEM, ML-DSA, SLH-DSA), and the native side has no SLH-DSA of its own on every build',
  'crypto @noble/hashes': 'one file per family: hashes and HMAC here, SHA-3 inside X-Wing there',
};

/** Sources outside runtime, system and dashboards that may read clock, chance or environment, with the reason. */
export const AMBIENT_ALLOWED: Readonly<Record<string, string>> = {
  'libs/runtime/src/clock.ts': 'the machine clock enters here',
  'libs/runtime/src/random.ts': 'the machine randomness enters here',
};

/** `node:` modules in portable packages, with the reason. */
export const NODE_ALLOWED: Readonly<Record<string, string>> = {
  'dashboards/src/build.ts': 'builds the bundle at the start; no browser file imports it (bundle.test.ts shows it)',
};

/** Module-level `let`, with the reason. */
export const MUTABLE_ALLOWED: Readonly<Record<string, string>> = {
  'system/src/cli.ts': 'the program itself: one exit code per run',
  'system/src/processes/main.ts': 'the program of a zone process: one zone per process',
};

/** Tests beside one end that need the real other end, with the reason. Sources never do. */
export const BOTH_ENDS: Readonly<Record<string, { readonly with: readonly string[]; readonly why: string }>> = {
  'device-sim/test/': {
    with: ['edge-gateway', 'patient-agent'],
    why: 'devices hand in at the real gateway, through its restarts; a false one would agree with the device',
  },
  'patient-agent/test/': {
    with: ['device-sim', 'firmware-profiles'],
    why: 'an agent claims a real device and takes its openings; a false one would agree with the agent',
  },
};
