import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { dashboardsDist, dashboardsStale, ensureDashboards } from '../src/mod.ts';

/** Budgets of the first load, as sent: gzip. */
const clinicianBudgetBytes = 250_000;
const caregiverBudgetBytes = 120_000;

describe('the built board', () => {
  const files = new Map<string, string>();
  const gzipBytes = (name: string): number => gzipSync(files.get(name) ?? '').length;
  const assets = (): string[] => [...files.keys()].filter((name) => name.startsWith('assets/'));
  /** Everything a page loads to show the board: what index.html names, and the static imports of that. */
  const reached = (from: readonly string[]): Set<string> => {
    const seen = new Set<string>();
    const visit = (name: string): void => {
      if (seen.has(name) || !files.has(name)) return;
      seen.add(name);
      for (const match of (files.get(name) ?? '').matchAll(/(?:from|import)\s?["'`]\.\/([\w.-]+\.js)["'`]/g))
        visit(`assets/${match[1]}`);
    };
    for (const name of from) visit(name);
    return seen;
  };
  const linked = (): string[] =>
    [...(files.get('index.html') ?? '').matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1] ?? '');
  const sum = (names: Iterable<string>): number => [...names].reduce((total, name) => total + gzipBytes(name), 0);

  beforeAll(async () => {
    const { folder } = await ensureDashboards();
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
      if (/\.(js|css|html)$/.test(name)) files.set(name, readFileSync(join(folder, name), 'utf8'));
  });

  it('is not built again from the same sources', () => {
    expect(dashboardsStale()).toBe(false);
    expect(dashboardsDist()).toMatch(/dist$/);
  });

  it(`loads the clinician's board within ${clinicianBudgetBytes / 1000} kB`, () => {
    const board = assets().filter((name) => /\/board-.*\.js$/.test(name));
    expect(board).toHaveLength(1);
    const bytes = sum(reached([...linked(), ...board]));
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThanOrEqual(clinicianBudgetBytes);
  });

  it(`loads the caregiver's page within ${caregiverBudgetBytes / 1000} kB, without the ward's board`, () => {
    const names = reached(linked());
    expect([...names].join()).not.toMatch(/board-.*\.js/);
    expect(sum(names)).toBeLessThanOrEqual(caregiverBudgetBytes);
  });

  it('reaches no module of Node', () => {
    for (const name of assets()) {
      expect(files.get(name), name).not.toMatch(/["'`]node:/);
      expect(files.get(name), name).not.toMatch(/__vite-browser-external/);
    }
  });

  it('runs under a strict content security policy: nothing inline, nothing from elsewhere', () => {
    const html = files.get('index.html') ?? '';
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>|<style|\son\w+=|style=/);
    expect(html).not.toMatch(/(?:src|href)="(?!\/|data:)/);
    for (const name of assets()) expect(files.get(name), name).not.toMatch(/\beval\(|new Function\(/);
  });
});
