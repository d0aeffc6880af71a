import { useEffect, useRef, useState } from 'react';
import { useApp, useFeed } from '../store/context.ts';
import { createEcgBuffer, type EcgBuffer } from './ecg-buffer.ts';
import {
  drawPaper,
  drawTrace,
  mmPerMillivolt,
  mmPerSecond,
  type PaperColours,
  pxPerMm,
  stripHeightMm,
} from './ecg-paper.ts';

const heightPx = Math.ceil(stripHeightMm * pxPerMm);
/** Blocks come about once a second; drawing runs this far behind the newest sample, so that the sweep never waits. */
const playoutMs = 1_500;
/** Faster than this nobody can read a sweep: still pages instead. */
const maxSweepSpeed = 2;

/** ECG of the opened patient on millimetre paper, 25 mm/s and 10 mm/mV. */
export function EcgStrip(props: { readonly patient: string }) {
  const { patient } = props;
  const { feed } = useApp();
  const { board } = useFeed();
  const speed = board?.speed ?? 1;
  const canvas = useRef<HTMLCanvasElement>(null);
  const [state, setState] = useState<'waiting' | 'running' | 'interrupted'>('waiting');
  useEffect(() => {
    const element = canvas.current;
    const context = element?.getContext('2d');
    if (element === null || context === null || context === undefined) return;
    const buffer = createEcgBuffer();
    const still = speed > maxSweepSpeed || window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    const paint = createPainter(element, context, buffer);
    let lastBlockMs = performance.now();
    const unsubscribe = feed.subscribeWave((wave) => {
      if (wave.patient !== patient) return;
      buffer.add(wave);
      lastBlockMs = performance.now();
      setState('running');
      if (still) paint(0, true);
    });
    let frame = 0;
    let beforeMs = performance.now();
    const tick = (nowMs: number): void => {
      if (!still) paint((nowMs - beforeMs) * speed, false);
      beforeMs = nowMs;
      if (nowMs - lastBlockMs > 4_000) setState((old) => (old === 'running' ? 'interrupted' : old));
      frame = window.requestAnimationFrame(tick);
    };
    frame = window.requestAnimationFrame(tick);
    paint(0, still);
    return () => {
      unsubscribe();
      window.cancelAnimationFrame(frame);
    };
  }, [feed, patient, speed]);
  return (
    <figure className="ecg" data-state={state}>
      <canvas ref={canvas} style={{ height: heightPx }} role="img" aria-label={`ECG, ${stateWords[state]}`} />
      <figcaption>
        <strong>ECG</strong> {mmPerSecond} mm/s · {mmPerMillivolt} mm/mV
        <span className="ecg-state">{stateWords[state]}</span>
        <span className="ecg-scale">1 mm = {pxPerMm.toFixed(2)} CSS px</span>
      </figcaption>
    </figure>
  );
}

const stateWords = {
  waiting: 'no ECG from this patient yet',
  running: 'as received',
  interrupted: 'interrupted, the trace is not current',
} as const;

/** @returns a function that moves the sweep on by data milliseconds, or straight to the newest sample. */
function createPainter(element: HTMLCanvasElement, context: CanvasRenderingContext2D, buffer: EcgBuffer) {
  const paper = document.createElement('canvas');
  let headMs: number | undefined;
  let drawn = '';
  return (advanceMs: number, toEnd: boolean): void => {
    const ratio = window.devicePixelRatio || 1;
    const width = element.clientWidth;
    const theme = document.documentElement.dataset.theme ?? '';
    const colours = coloursOf(element);
    const key = `${width} ${ratio} ${theme}`;
    if (key !== drawn) {
      drawn = key;
      for (const surface of [element, paper]) {
        surface.width = Math.round(width * ratio);
        surface.height = Math.round(heightPx * ratio);
      }
      const ground = paper.getContext('2d');
      ground?.scale(ratio, ratio);
      if (ground !== null) drawPaper(ground, width, heightPx, colours);
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    context.drawImage(paper, 0, 0, width, heightPx);
    const endMs = buffer.endMs();
    if (endMs === undefined) return;
    const target = toEnd ? endMs : endMs - playoutMs;
    // Too far behind or ahead (a pause, a repaired gap): jump; otherwise move evenly and never beyond the newest sample.
    if (headMs === undefined || toEnd || Math.abs(target - headMs) > 3_000) headMs = target;
    else headMs = Math.min(endMs, headMs + advanceMs);
    drawTrace(context, buffer, headMs, width, heightPx, colours.trace);
  };
}

function coloursOf(element: HTMLElement): PaperColours {
  const style = getComputedStyle(element);
  return {
    paper: style.getPropertyValue('--paper'),
    fine: style.getPropertyValue('--paperFine'),
    bold: style.getPropertyValue('--paperBold'),
    trace: style.getPropertyValue('--trace'),
  };
}
