import type { EcgBuffer } from './ecg-buffer.ts';

/** One CSS millimetre is 96/25.4 CSS pixels (CSS Values 4): the calibration of the strip. On a screen whose pixels are
 * larger or smaller than the standard says, a millimetre on glass differs; the boxes and the 1 mV pulse stay true. */
export const pxPerMm = 96 / 25.4;
/** Standard ECG paper. */
export const mmPerSecond = 25;
export const mmPerMillivolt = 10;
export const stripHeightMm = 35;
/** Calibration pulse of 1 mV and 0.2 s before the trace. */
export const pulseMm = 10;
/** Blank ahead of the sweep. */
const gapMm = 6;

export interface PaperColours {
  readonly paper: string;
  readonly fine: string;
  readonly bold: string;
  readonly trace: string;
}

/** Small boxes of 1 mm, large ones of 5 mm, and the 1 mV pulse. */
export function drawPaper(
  context: CanvasRenderingContext2D,
  widthPx: number,
  heightPx: number,
  ink: PaperColours,
): void {
  context.fillStyle = ink.paper;
  context.fillRect(0, 0, widthPx, heightPx);
  for (const [everyMm, colour] of [
    [1, ink.fine],
    [5, ink.bold],
  ] as const) {
    context.beginPath();
    for (let x = 0; x <= widthPx; x += everyMm * pxPerMm) {
      context.moveTo(x, 0);
      context.lineTo(x, heightPx);
    }
    for (let y = 0; y <= heightPx; y += everyMm * pxPerMm) {
      context.moveTo(0, y);
      context.lineTo(widthPx, y);
    }
    context.strokeStyle = colour;
    context.lineWidth = everyMm === 5 ? 1 : 0.6;
    context.stroke();
  }
  const base = baseline(heightPx);
  const top = base - mmPerMillivolt * pxPerMm;
  context.beginPath();
  context.moveTo(1 * pxPerMm, base);
  context.lineTo(2.5 * pxPerMm, base);
  context.lineTo(2.5 * pxPerMm, top);
  context.lineTo(7.5 * pxPerMm, top);
  context.lineTo(7.5 * pxPerMm, base);
  context.lineTo(9 * pxPerMm, base);
  context.strokeStyle = ink.trace;
  context.lineWidth = 1.4;
  context.stroke();
}

/** Zero line, on a 5 mm line below the middle: an R wave is taller than an S wave is deep. */
const baseline = (heightPx: number): number => Math.round((heightPx / pxPerMm / 5) * 0.6) * 5 * pxPerMm;

/** Seconds that fit on a strip of this width. */
export const windowSeconds = (widthPx: number): number => Math.max(0, (widthPx / pxPerMm - pulseMm) / mmPerSecond);

/**
 * The trace as a sweep: a moment always falls on the same place modulo the window, newest at the gap. Existing places
 * do not move, which a reader of rhythm needs.
 */
export function drawTrace(
  context: CanvasRenderingContext2D,
  buffer: EcgBuffer,
  headMs: number,
  widthPx: number,
  heightPx: number,
  colour: string,
): void {
  const windowMs = windowSeconds(widthPx) * 1000;
  if (windowMs <= 0) return;
  const left = pulseMm * pxPerMm;
  const base = baseline(heightPx);
  const pxPerMs = (mmPerSecond * pxPerMm) / 1000;
  const gapMs = (gapMm / mmPerSecond) * 1000;
  const stepMs = 1000 / Math.max(buffer.rateHz(), 50);
  context.beginPath();
  let drawing = false;
  let beforeX = 0;
  for (let time = headMs - windowMs + gapMs; time <= headMs; time += stepMs) {
    const value = buffer.at(time);
    const x = left + (time % windowMs) * pxPerMs;
    if (value === null || x < beforeX) drawing = false;
    beforeX = x;
    if (value === null) continue;
    const y = Math.min(heightPx - 1, Math.max(1, base - value * mmPerMillivolt * pxPerMm));
    if (drawing) context.lineTo(x, y);
    else context.moveTo(x, y);
    drawing = true;
  }
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.lineJoin = 'round';
  context.stroke();
}
