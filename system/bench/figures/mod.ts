import type { Figure } from '../lib/figure.ts';
import { flood, forged } from './attacks.ts';
import { bytes } from './bytes.ts';
import { disk } from './disk.ts';
import { latency } from './latency.ts';
import { memory } from './memory.ts';
import { restart } from './restart.ts';
import { signatures } from './signatures.ts';
import { start } from './start.ts';
import { throughput, throughputTls } from './throughput.ts';

/** In the order of the table. */
export const FIGURES: readonly Figure[] = [
  throughput,
  throughputTls,
  signatures,
  latency,
  bytes,
  memory,
  disk,
  restart,
  start,
  flood,
  forged,
];
