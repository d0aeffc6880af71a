/** Colours of one theme. Red belongs to high alone, yellow to medium, cyan to low, grey-blue to technical. */
export interface Tokens {
  readonly page: string;
  readonly surface: string;
  readonly raised: string;
  readonly ink: string;
  readonly soft: string;
  readonly stale: string;
  readonly line: string;
  /** Borders of controls: 3:1 against every ground. */
  readonly edge: string;
  readonly focus: string;
  readonly high: string;
  readonly onHigh: string;
  readonly highSoft: string;
  readonly highInk: string;
  readonly medium: string;
  readonly onMedium: string;
  readonly mediumSoft: string;
  readonly mediumInk: string;
  readonly low: string;
  readonly onLow: string;
  readonly lowSoft: string;
  readonly lowInk: string;
  readonly technical: string;
  readonly onTechnical: string;
  readonly technicalSoft: string;
  readonly technicalInk: string;
  readonly calm: string;
  readonly paper: string;
  readonly paperFine: string;
  readonly paperBold: string;
  readonly trace: string;
}

export type ThemeName = 'light' | 'dark';

export const themes: Record<ThemeName, Tokens> = {
  light: {
    page: '#e9edec',
    surface: '#ffffff',
    raised: '#f3f6f5',
    ink: '#0d1f1f',
    soft: '#3f5254',
    stale: '#59686c',
    line: '#d5dddc',
    edge: '#74868a',
    focus: '#1d4ed8',
    high: '#c01622',
    onHigh: '#ffffff',
    highSoft: '#fdecec',
    highInk: '#a30f1a',
    medium: '#ffcf24',
    onMedium: '#1d1600',
    mediumSoft: '#fff7da',
    mediumInk: '#664a00',
    low: '#1fb6d1',
    onLow: '#001a21',
    lowSoft: '#e2f6fa',
    lowInk: '#065a69',
    technical: '#566b82',
    onTechnical: '#ffffff',
    technicalSoft: '#e8edf3',
    technicalInk: '#3b4f66',
    calm: '#2c6b52',
    paper: '#fcfbf5',
    paperFine: '#e6e2d0',
    paperBold: '#c5bf9f',
    trace: '#0d1f1f',
  },
  dark: {
    page: '#090f12',
    surface: '#121b1f',
    raised: '#1a262b',
    ink: '#eaf2f1',
    soft: '#aabcbe',
    stale: '#8b9da1',
    line: '#26353b',
    edge: '#70858c',
    focus: '#8ab4ff',
    high: '#d61f2d',
    onHigh: '#ffffff',
    highSoft: '#34151a',
    highInk: '#ff9a9e',
    medium: '#ffd23f',
    onMedium: '#1d1600',
    mediumSoft: '#2e2710',
    mediumInk: '#ffdc73',
    low: '#35c6de',
    onLow: '#00222a',
    lowSoft: '#0c2c34',
    lowInk: '#79dfee',
    technical: '#8aa0b8',
    onTechnical: '#0a1116',
    technicalSoft: '#1b2732',
    technicalInk: '#b6c7da',
    calm: '#7fc9a6',
    paper: '#10181a',
    paperFine: '#1f2b2c',
    paperBold: '#35474a',
    trace: '#d9f5e6',
  },
};

/** Every pair that carries text, and the ratio it owes (WCAG 2.2: 1.4.3 for text, 1.4.11 for graphics and controls). */
export const contrastPairs: readonly (readonly [ink: keyof Tokens, ground: keyof Tokens, ratio: number])[] = [
  ...(['page', 'surface', 'raised', 'highSoft', 'mediumSoft', 'lowSoft', 'technicalSoft'] as const).flatMap(
    (ground) =>
      [
        ['ink', ground, 7],
        ['soft', ground, 4.5],
        ['stale', ground, 4.5],
        ['edge', ground, 3],
        ['focus', ground, 3],
      ] as const,
  ),
  ['onHigh', 'high', 4.5],
  ['onMedium', 'medium', 7],
  ['onLow', 'low', 7],
  ['onTechnical', 'technical', 4.5],
  ['highInk', 'highSoft', 4.5],
  ['highInk', 'surface', 4.5],
  ['mediumInk', 'mediumSoft', 4.5],
  ['mediumInk', 'surface', 4.5],
  ['lowInk', 'lowSoft', 4.5],
  ['lowInk', 'surface', 4.5],
  ['technicalInk', 'technicalSoft', 4.5],
  ['technicalInk', 'surface', 4.5],
  ['technicalInk', 'raised', 4.5],
  ['calm', 'surface', 4.5],
  ['calm', 'page', 4.5],
  ['high', 'surface', 3],
  ['technical', 'surface', 3],
  ['trace', 'paper', 7],
];
