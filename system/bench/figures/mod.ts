import type { Figure } from '../lib/figure.ts';
import { signatures } from './signatures.ts';
import { throughput, throughputTls } from './throughput.ts';

/** In the order of the table. */
export const FIGURES: readonly Figure[] = [throughput, throughputTls, signatures];
