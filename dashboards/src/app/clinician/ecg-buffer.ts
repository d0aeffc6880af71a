import { settings } from '../settings.ts';
import type { WaveMessage } from '../store/feed.ts';

/** The last seconds of one lead, by sample time. A gap in time stays a gap. `atMs` of a block is that of its first sample. */
export interface EcgBuffer {
  add(wave: WaveMessage): void;
  /** Data time just after the newest sample; undefined when empty. */
  endMs(): number | undefined;
  rateHz(): number;
  /** Millivolts at a data time, or null where nothing was measured. */
  at(timeMs: number): number | null;
}

interface Block {
  readonly atMs: number;
  readonly endMs: number;
  readonly rateHz: number;
  readonly millivolts: Float32Array;
}

export function createEcgBuffer(): EcgBuffer {
  let blocks: Block[] = [];
  return {
    add(wave) {
      const samples = wave.samples.slice(0, settings.maxWaveSamples);
      const block: Block = {
        atMs: wave.atMs,
        endMs: wave.atMs + (samples.length / wave.rateHz) * 1000,
        rateHz: wave.rateHz,
        millivolts: Float32Array.from(samples, (sample) => sample * wave.millivoltPerBit),
      };
      const kept = blocks.filter(
        (old) => old.atMs !== block.atMs && old.endMs > block.endMs - settings.waveBufferS * 1000,
      );
      blocks = [...kept, block].sort((a, b) => a.atMs - b.atMs);
    },
    endMs: () => blocks.at(-1)?.endMs,
    rateHz: () => blocks.at(-1)?.rateHz ?? 0,
    at(timeMs) {
      const block = blocks.findLast((candidate) => candidate.atMs <= timeMs);
      if (block === undefined || timeMs >= block.endMs) return null;
      return block.millivolts[Math.floor(((timeMs - block.atMs) / 1000) * block.rateHz)] ?? null;
    },
  };
}
