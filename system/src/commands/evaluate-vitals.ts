import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { screen } from '@pulseseal/stream-processor';
import {
  alertsCsvHeader,
  evaluateVitals,
  parsePatientsCsv,
  parseVitalsCsv,
  riskCsvHeader,
  vitalsCsvLine,
} from '@pulseseal/twin-service';
import { OptionError } from '../start/options.ts';
import { lineWriter, readMaybeGzip } from './evaluate.ts';

export interface EvaluateVitalsOptions {
  readonly input: string;
  readonly patients: string;
  readonly risk: string;
  readonly alerts: string;
}

/** `pulseseal evaluate vitals`: recorded stays through the live service's own screening, scores and rules. */
export async function evaluateVitalsCommand(options: EvaluateVitalsOptions): Promise<number> {
  const named = new Map<string, string>();
  for (const option of ['input', 'patients', 'risk', 'alerts'] as const) {
    const path = resolve(options[option]);
    const other = named.get(path);
    if (other !== undefined) throw new OptionError(`--${option} and --${other} name the same file: ${path}`);
    named.set(path, option);
  }
  const totalBytes = (await stat(options.input)).size;
  const patients = parsePatientsCsv(await readFile(options.patients, 'utf8'));
  const [risk, alerts] = [lineWriter(options.risk), lineWriter(options.alerts)];
  await risk.write(riskCsvHeader);
  await alerts.write(alertsCsvHeader);
  const refused = new Map<string, number>();
  const onRefused = (reason: string) => refused.set(reason, (refused.get(reason) ?? 0) + 1);
  let readBytes = 0;
  let stays = 0;
  let rows = 0;
  const report = progress((share) => `${stays} stays, ${rows} rows, ${(share * 100).toFixed(0)} %`);
  const text = decoded(readMaybeGzip(options.input, (bytes) => (readBytes += bytes)));
  for await (const outputs of evaluateVitals(parseVitalsCsv(text, onRefused), {
    screen,
    patients,
    onRefused,
  })) {
    for (const output of outputs) {
      if (output.kind === 'done') {
        stays++;
        rows += output.rows;
      } else await (output.kind === 'risk' ? risk : alerts).write(vitalsCsvLine(output));
    }
    report.at(readBytes / totalBytes);
  }
  await risk.close();
  await alerts.close();
  report.end();
  for (const [reason, count] of refused) process.stderr.write(`left out: ${count} rows (${reason})\n`);
  return 0;
}

async function* decoded(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8');
  for await (const chunk of chunks) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

/** A line on standard error at most twice a second: in place on a terminal, every tenth of the way otherwise. */
function progress(text: (share: number) => string) {
  let lastMs = 0;
  let lastTenth = -1;
  return {
    at(share: number) {
      if (process.stderr.isTTY) {
        const nowMs = performance.now();
        if (nowMs - lastMs < 500) return;
        lastMs = nowMs;
        process.stderr.write(`\r${text(share)}   `);
        return;
      }
      const tenth = Math.floor(share * 10);
      if (tenth === lastTenth) return;
      lastTenth = tenth;
      process.stderr.write(`${text(share)}\n`);
    },
    end() {
      process.stderr.write(process.stderr.isTTY ? `\r${text(1)}   \n` : `${text(1)}\n`);
    },
  };
}
