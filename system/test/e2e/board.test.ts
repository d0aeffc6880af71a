// biome-ignore-all lint/performance/useDomNodeTextContent: what a person sees counts here, not what the document holds.
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { isLong } from '@pulseseal/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { descendants, freePortBase, logIn, pulseseal, type Run, scratchFolder, startRun } from '../support/run.ts';

const executablePath = '/usr/bin/chromium';
const absent = !existsSync(executablePath);
if (absent) console.warn(`SKIPPED: the board on a running system, because ${executablePath} is not installed`);

/** The accessibility checker is the dashboards' own development package. */
const axeSource = () =>
  readFileSync(
    createRequire(new URL('../../../dashboards/package.json', import.meta.url)).resolve('axe-core/axe.min.js'),
    'utf8',
  );
/** Pictures for who wants to look: PULSESEAL_SHOTS names a folder. */
const shots = process.env.PULSESEAL_SHOTS;

describe.skipIf(absent)('the board on a running system, in a real browser', () => {
  let scratch: Awaited<ReturnType<typeof scratchFolder>>;
  let run: Run;
  let browser: Browser;
  let nurse: Page;
  let family: Page;
  const problems: string[] = [];

  const look = (page: Page, name: string) =>
    shots === undefined ? Promise.resolve() : page.screenshot({ path: join(shots, `e2e-${name}.png`) });

  async function visit(url: string, size: { width: number; height: number }): Promise<Page> {
    const context = await browser.newContext({ viewport: size, reducedMotion: 'reduce' });
    const page = await context.newPage();
    page.on('pageerror', (error) => problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text());
    });
    await page.goto(url, { waitUntil: 'domcontentloaded' });
    return page;
  }

  beforeAll(async () => {
    scratch = await scratchFolder('board');
    run = startRun(['--data', join(scratch.dir, 'data'), '--port-base', String(await freePortBase())]);
    browser = await chromium.launch({
      executablePath,
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
    const ready = await run.ready;
    nurse = await visit(ready.clinician, { width: 1440, height: 900 });
    family = await visit(ready.caregiver, { width: 390, height: 844 });
    for (const patient of ['p001', 'p002', 'p003'])
      await run.line((l) => l.value.alert?.patient === patient && l.value.alert.state === 'raised', 60_000);
    await nurse.locator('.card').nth(1).waitFor();
  }, 150_000);

  afterAll(async () => {
    await browser?.close();
    await run?.dispose();
    await scratch?.remove();
  }, 60_000);

  it('logs in by the printed address and erases the code from it', () => {
    expect(new URL(nurse.url()).hash).toBe('');
    expect(new URL(family.url()).hash).toBe('');
  });

  it('shows whom to see first, with the reason in words, and everybody else below', async () => {
    await look(nurse, 'board');
    const cards = await nurse.locator('.card').evaluateAll((all) =>
      all.map((card) => ({
        priority: card.getAttribute('data-priority'),
        reason: card.querySelector('.card-reason')?.textContent ?? '',
      })),
    );
    expect(cards.map((card) => card.priority)).toEqual(['high', 'high']);
    const reasons = cards.map((card) => card.reason.replaceAll(/\s/g, ' ')).join(' | ');
    expect(reasons).toMatch(/Oxygen \d+ %, under 80 for \d+ s/);
    expect(reasons).toMatch(/NEWS2 \d+/);
    expect(await nurse.locator('.row').count()).toBe(10);
    expect(await nurse.locator('.alert[data-priority="technical"]').innerText()).toContain('off the body');
    const scrolls = await nurse.evaluate(() => document.documentElement.scrollHeight > innerHeight);
    expect(scrolls).toBe(false);
  });

  it('gives every shown number its unit, age and grade', async () => {
    const vitals = await nurse.locator('.card .vital:not([data-missing]), .row .vital:not([data-missing])').all();
    expect(vitals.length).toBeGreaterThan(40);
    for (const vital of vitals) {
      const words = (await vital.textContent()) ?? '';
      expect(words).toMatch(/\d+ (s|min|h|d)|now/);
      expect(words).toMatch(/provisional|sealed|anchored/);
    }
  });

  it('shows a caregiver the own people alone, in words, without numbers', async () => {
    await family.locator('.person').nth(1).waitFor();
    await look(family, 'caregiver');
    expect(await family.locator('.person').count()).toBe(2);
    const text = await family.locator('main').innerText();
    expect(text.replaceAll(/\d+ (seconds?|minutes?|hours?) ago/g, '')).not.toMatch(/\d/);
    expect(await family.content()).not.toMatch(/NEWS2|SpO|mmHg|saturation/i);
    expect(await family.getByRole('button', { name: 'I have it' }).count()).toBe(2);
  });

  it('lets a nurse acknowledge, and the family sees in its own browser that somebody has it', async () => {
    const card = nurse.locator('.card').first();
    const name = ((await card.locator('.card-open').textContent()) ?? '').trim();
    await card.getByRole('button', { name: 'Acknowledge' }).click();
    await nurse.getByLabel('Your name').fill('Ana Silva');
    await nurse.getByLabel('What will be done').fill('Going to see');
    await nurse.keyboard.press('Enter');
    await nurse.locator('.card[data-state="acknowledged"]').waitFor({ timeout: 5_000 });
    await family.getByText('The ward is looking after it').waitFor({ timeout: 5_000 });
    const line = await run.line((l) => l.value.alert?.state === 'acknowledged', 5_000);
    expect(['p001', 'p002']).toContain(line.value.alert!.patient);
    expect(name).not.toBe('');
    await look(nurse, 'acknowledged');
    await look(family, 'caregiver-taken');
  });

  it('draws the ECG of an opened patient', async () => {
    await nurse.locator('.row-open').first().click();
    await nurse.locator('.ecg[data-state="running"]').waitFor({ timeout: 10_000 });
    await nurse.waitForTimeout(3_000);
    await look(nurse, 'patient');
    const drawn = await nurse.locator('.ecg canvas').evaluate((element) => {
      const canvas = element as HTMLCanvasElement;
      const { data, width, height } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
      const columns = new Set<number>();
      const rows = new Set<number>();
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const at = 4 * (y * width + x);
          // The trace is the only near-black ink on light paper.
          if (data[at]! + data[at + 1]! + data[at + 2]! > 200) continue;
          columns.add(x);
          rows.add(y);
        }
      }
      return { share: columns.size / width, heightPx: rows.size };
    });
    expect(drawn.share).toBeGreaterThan(0.3);
    // A beat of about a millivolt stands tens of pixels high: no flat line.
    expect(drawn.heightPx).toBeGreaterThan(20);
  });

  it('verifies a real reading in the browser, every check ticked', async () => {
    const row = nurse.locator('.values tbody tr', { hasText: 'anchored' }).first();
    await row.waitFor({ timeout: 60_000 });
    await row.getByRole('button', { name: /Verify/ }).click();
    await nurse.locator('.proof-verdict').waitFor({ timeout: 30_000 });
    await look(nurse, 'proof');
    expect(await nurse.locator('.proof-verdict').getAttribute('data-holds')).toBe('true');
    const checks = await nurse
      .locator('.proof-checks li')
      .evaluateAll((all) =>
        all.map((item) => [item.querySelector('strong')?.textContent, item.getAttribute('data-ok')] as const),
      );
    expect(checks.map(([name]) => name)).toEqual(
      expect.arrayContaining(['sensor', 'segment', 'log', 'head', 'ledger', 'disclosure']),
    );
    expect(checks.filter(([, ok]) => ok !== 'true')).toEqual([]);
    expect(await nurse.locator('.proof').innerText()).toContain('not pinned');
  }, 120_000);

  // A minute of waiting: in the long run.
  if (!isLong()) console.warn('SKIPPED: the wait for the proof of a fresh reading takes a minute: npm run test:long');
  it.skipIf(!isLong())(
    'waits for the proof of a reading that is not sealed yet, and then shows it',
    async () => {
      await nurse.locator('.values tbody tr', { hasText: 'provisional' }).first().getByRole('button').click();
      await nurse.locator('.proof', { hasText: 'There is no proof yet' }).waitFor({ timeout: 10_000 });
      await nurse.locator('.proof-verdict[data-holds="true"]').waitFor({ timeout: 100_000 });
    },
    120_000,
  );

  it.each([
    ['clinician', () => nurse],
    ['caregiver', () => family],
  ] as const)('has no serious accessibility violation in the %s role', async (_role, page) => {
    await page().evaluate(axeSource());
    const found = await page().evaluate(async () => {
      const { axe } = globalThis as unknown as {
        axe: {
          run: (o: object) => Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }>;
        };
      };
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
      return (await axe.run({ runOnly: tags })).violations;
    });
    const serious = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    expect(serious.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160)}`)).toEqual([]);
  });

  it('says within seconds that its feed is silent when the care process hangs, and recovers', async () => {
    await nurse.keyboard.press('Escape');
    let care = 0;
    for (const pid of await descendants(run.pid))
      if ((await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).startsWith('pulseseal care')) care = pid;
    expect(care).toBeGreaterThan(0);
    process.kill(care, 'SIGSTOP');
    try {
      await nurse.locator('.feed-banner[data-kind="silent"]').waitFor({ timeout: 8_000 });
      expect(await nurse.locator('.feed-banner').innerText()).toMatch(/^Feed silent since \d\d:\d\d:\d\d/);
      await nurse.waitForTimeout(2_000);
      await look(nurse, 'silent');
      await family.getByText('No news since').waitFor({ timeout: 8_000 });
    } finally {
      process.kill(care, 'SIGCONT');
    }
    await nurse.locator('.feed-banner').waitFor({ state: 'detached', timeout: 15_000 });
  }, 60_000);

  it('lets the nurse in again without a restart, by the operator’s command', async () => {
    const { code, text, stderr } = await pulseseal(['login', '--data', join(scratch.dir, 'data')]);
    expect([code, stderr]).toEqual([0, '']);
    const address = text.split('\n')[0]!;
    const ana = await logIn(address, 'Ana');
    expect((await ana.get<{ patients: unknown[] }>('/api/board')).patients).toHaveLength(12);
    await expect(logIn(address, 'Ana')).rejects.toThrow('401');
  });

  it('reports no error in the page all the while', () => {
    expect(problems.filter((text) => !/404 \(Not Found\)/.test(text))).toEqual([]);
  });

  it('ends with nothing lost although a process hung', async () => {
    run.signal('SIGINT');
    expect(await run.ended, run.stderr()).toBe(0);
    expect(run.lines.at(-1)!.value.totals).toMatchObject({ lost: 0, duplicate: 0 });
  }, 60_000);
});
