import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

/**
 * Makes docs/board.png: starts the whole system by its own command, waits until alerts stand, opens the clinician's URL
 * in Chromium at 1440 x 900, takes the picture and stops.
 *
 *   node system/tools/screenshot.ts [--out FILE] [--replay DIR] [--speed X] [--port-base N] [--alerts N] [--role clinician|caregiver] [--dark]
 */
const root = fileURLToPath(new URL('../..', import.meta.url));
const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(root, 'docs', 'board.png') },
    replay: { type: 'string' },
    speed: { type: 'string' },
    patients: { type: 'string' },
    'port-base': { type: 'string', default: '24680' },
    /** Patients with an alert to wait for. */
    alerts: { type: 'string', default: '3' },
    role: { type: 'string', default: 'clinician' },
    dark: { type: 'boolean', default: false },
  },
});

/** How long each wait may take; scripted alerts stand within a minute of the start. */
const LIMITS = { readyMs: 60_000, alertsMs: 100_000, paintMs: 20_000, stopMs: 45_000, runS: 300 } as const;
/** After the last alert awaited: trends and the ECG strip fill. */
const SETTLE_MS = 12_000;

const chromiumPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
if (chromiumPath === undefined) {
  process.stderr.write('No Chromium found: install it (on Debian: apt-get install chromium) and run this again.\n');
  process.exit(1);
}

const dataDir = await mkdtemp(join(tmpdir(), 'pulseseal-picture-'));
const system = startSystem();
try {
  const { url, alerted } = follow(system);
  const address = await within(url, LIMITS.readyMs, 'the system did not become ready');
  process.stderr.write('ready; waiting for alerts ...\n');
  const seen = await within(alerted, LIMITS.alertsMs, 'too few alerts came').catch((error: Error) => {
    process.stderr.write(`${error.message}; taking the picture as it is\n`);
    return -1;
  });
  if (seen >= 0) await new Promise((done) => setTimeout(done, SETTLE_MS));
  await takePicture(address);
  process.stderr.write(`wrote ${resolve(values.out)}\n`);
} finally {
  await stop(system);
  await rm(dataDir, { recursive: true, force: true });
}

function startSystem(): ChildProcess {
  const optional = (['replay', 'speed', 'patients'] as const).flatMap((name) => {
    const value = values[name];
    return value === undefined ? [] : [`--${name}`, name === 'replay' ? resolve(value) : value];
  });
  return spawn(
    process.execPath,
    [
      join(root, 'system', 'bin', 'pulseseal.mjs'),
      'start',
      '--json',
      ...['--for', String(LIMITS.runS), '--data', join(dataDir, 'data'), '--port-base', values['port-base']],
      ...optional,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
}

/** The URL of the role, and the number of alerted patients once it is as asked. */
function follow(child: ChildProcess): { readonly url: Promise<string>; readonly alerted: Promise<number> } {
  const url = Promise.withResolvers<string>();
  const alerted = Promise.withResolvers<number>();
  const patients = new Set<string>();
  alerted.promise.catch(() => {});
  createInterface({ input: child.stdout! }).on('line', (line) => {
    const { ready, alert } = JSON.parse(line) as {
      readonly ready?: Readonly<Record<string, string>>;
      readonly alert?: { readonly patient: string; readonly state: string; readonly reason: string };
    };
    if (ready !== undefined) url.resolve(ready[values.role] ?? '');
    if (alert?.state !== 'raised') return;
    process.stderr.write(`alert: ${alert.patient}: ${alert.reason}\n`);
    if (patients.add(alert.patient).size >= Number(values.alerts)) alerted.resolve(patients.size);
  });
  child.once('exit', (code) => {
    const error = new Error(`the system ended by itself (exit ${code})`);
    url.reject(error);
    alerted.reject(error);
  });
  return { url: url.promise, alerted: alerted.promise };
}

async function takePicture(address: string): Promise<void> {
  const browser = await chromium.launch({
    executablePath: chromiumPath!,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  try {
    const page = await browser.newPage({
      viewport: { width: 1440, height: 900 },
      colorScheme: values.dark ? 'dark' : 'light',
    });
    await page.goto(address, { waitUntil: 'domcontentloaded', timeout: LIMITS.paintMs });
    await page.waitForSelector('main', { timeout: LIMITS.paintMs });
    // Live values, the strip and web fonts: the page is never idle, so this waits a fixed time.
    await page.waitForTimeout(8_000);
    const whole = `${resolve(values.out)}.part.png`;
    await page.screenshot({ path: whole });
    await rename(whole, resolve(values.out));
  } finally {
    await browser.close();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  child.kill('SIGINT');
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMITS.stopMs);
  await ended;
  clearTimeout(timer);
}

async function within<T>(promise: Promise<T>, timeoutMs: number, text: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(text)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
