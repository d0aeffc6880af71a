import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { contrastRatio } from '../src/app/theme/contrast.ts';
import { contrastPairs, themes } from '../src/app/theme/tokens.ts';

const app = fileURLToPath(new URL('../src/app', import.meta.url));
const files = (ending: string): string[] =>
  readdirSync(app, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => readFileSync(join(app, name), 'utf8'));

describe('contrast (WCAG 2.2 AA and better)', () => {
  it('computes the ratios of the standard', () => {
    expect(contrastRatio('#000000', '#ffffff')).toBeCloseTo(21, 5);
    expect(contrastRatio('#777777', '#ffffff')).toBeCloseTo(4.48, 2);
  });

  for (const [name, tokens] of Object.entries(themes))
    it.each(contrastPairs)(`${name}: %s on %s is at least %d : 1`, (ink, ground, ratio) =>
      expect(contrastRatio(tokens[ink], tokens[ground])).toBeGreaterThanOrEqual(ratio),
    );
});

describe('colour rules', () => {
  it('red belongs to high alone', () => {
    const hue = (hex: string): { hue: number; saturation: number } => {
      const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
      const [max, min] = [Math.max(r, g, b), Math.min(r, g, b)];
      const span = max - min;
      const raw =
        span === 0 ? 0 : max === r ? ((g - b) / span) % 6 : max === g ? (b - r) / span + 2 : (r - g) / span + 4;
      return { hue: (raw * 60 + 360) % 360, saturation: max === 0 ? 0 : span / max };
    };
    for (const tokens of Object.values(themes))
      for (const [token, colour] of Object.entries(tokens)) {
        const { hue: degrees, saturation } = hue(colour);
        const isRed = saturation > 0.3 && (degrees < 20 || degrees > 340);
        if (isRed) expect(token).toMatch(/^high/);
        if (token === 'high' || token === 'highInk') expect(isRed, token).toBe(true);
      }
  });

  it('every colour is a token, so that both themes and the contrast test know it', () => {
    for (const css of files('.css')) expect(css).not.toMatch(/#[0-9a-f]{3,8}\b/i);
  });

  it('flashes less than three times a second, never after an answer, never against the wish for less motion', () => {
    const css = files('.css').join('\n');
    const periods = [...css.matchAll(/animation: flash ([\d.]+)s/g)].map((match) => Number(match[1]));
    expect(periods.length).toBeGreaterThan(0);
    for (const seconds of periods) expect(1 / seconds).toBeLessThan(3);
    const outside = css.replaceAll(/@media \(prefers-reduced-motion: no-preference\) \{[\s\S]*?\n\}/g, '');
    expect(outside).not.toMatch(/animation:/);
    expect(files('marks.tsx').join('')).toContain('flashing && !acknowledged');
  });
});
