/** Where a browser logs in: the code stands behind #, which no server and no log sees. */
export function loginAddress(board: string, code: string, role: 'clinician' | 'caregiver'): string {
  return `${board}/#login=${code}&role=${role}`;
}

/** The one table that a start ends with. */
export interface StartFacts {
  readonly clinicianUrl: string;
  readonly caregiverUrl: string;
  readonly clinicianCode: string;
  readonly caregiverCode: string;
  readonly broker: string;
  readonly metrics: readonly string[];
  readonly dataDir: string;
  readonly patients: number;
  readonly speed: number;
}

export function startTable(facts: StartFacts): string {
  const rows: readonly (readonly [string, string])[] = [
    ['Clinician board', facts.clinicianUrl],
    ['  one-time login', `${facts.clinicianCode} (already in the URL)`],
    ['Caregiver', facts.caregiverUrl],
    ['  one-time login', `${facts.caregiverCode} (already in the URL)`],
    ['Broker', `${facts.broker}  (MQTT 3.1.1, TLS 1.3, X25519MLKEM768 only)`],
    ['Metrics', facts.metrics.join('  ')],
    ['Data folder', facts.dataDir],
    ['Patients', `${facts.patients}${facts.speed === 1 ? '' : `, data time runs ${facts.speed} times as fast`}`],
    ['Stop', 'Ctrl-C; the next start goes on from the data folder'],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const body = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
  return `\nPulseSeal is running. Research software, not a medical device.\n\n${body}\n\n`;
}
