import pino from 'pino';

/** What a service may say. Fields carry pseudonyms, counts and codes: never a secret, never a vital sign. */
export interface Logger {
  info(fields: Readonly<Record<string, string | number | boolean>>, text: string): void;
  warn(fields: Readonly<Record<string, string | number | boolean>>, text: string): void;
  error(fields: Readonly<Record<string, string | number | boolean>>, text: string): void;
}

/** JSON lines on standard error, level from `level` (pino's names). */
export function createLogger(name: string, level = 'info'): Logger {
  const destination = pino.destination({ fd: 2, sync: true });
  // A terminal that is closed, a disk that is full: a word that cannot be written ends no service.
  destination.on('error', () => {});
  const log = pino({ name, level, base: { name } }, destination);
  return {
    info: (fields, text) => log.info(fields, text),
    warn: (fields, text) => log.warn(fields, text),
    error: (fields, text) => log.error(fields, text),
  };
}

export function createSilentLogger(): Logger {
  return { info: () => {}, warn: () => {}, error: () => {} };
}
