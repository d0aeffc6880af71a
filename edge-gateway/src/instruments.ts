import type { RefusalName } from '@pulseseal/protocol';
import type { Count, Level, Metrics, Spread } from '@pulseseal/runtime';

/** Every number the gateway shows. Labels come from closed lists: no device, patient or recipient ever is one. */
export interface Instruments {
  readonly frames: Count;
  readonly duplicates: Count;
  /** One count per refusal name of the protocol. */
  readonly refusals: Count;
  /** What the broker refused before the protocol saw it. */
  readonly doors: Count;
  readonly opens: Count;
  readonly closes: Count;
  readonly segments: Count;
  readonly nacks: Count;
  readonly errors: Count;
  readonly logins: Count;
  readonly forwarded: Count;
  readonly entries: Count;
  readonly anchors: Count;
  readonly anchorFailures: Count;
  readonly alarms: Count;
  readonly bulk: Count;
  readonly unservedFrames: Count;
  readonly journalBytes: Level;
  readonly journalFailed: Level;
  readonly journalCutBytes: Level;
  readonly unanchoredEntries: Level;
  readonly logRolledBack: Level;
  readonly sessions: Level;
  readonly commitMs: Spread;
  refuse(name: RefusalName): void;
}

export type Alarm =
  | 'counter-conflict'
  | 'seq-conflict'
  | 'disputed'
  | 'second-resync'
  | 'journal-failed'
  | 'journal-damage'
  | 'log-rolled-back'
  | 'clock-step';

export function createInstruments(metrics: Metrics): Instruments {
  const refusals = metrics.counter('edge_refusals_total', 'messages refused, by name of the refusal', 'refusal');
  return {
    frames: metrics.counter('edge_frames_total', 'frames verified and journalled, by kind', 'kind'),
    duplicates: metrics.counter('edge_duplicates_total', 'frames that were on disk already'),
    refusals,
    doors: metrics.counter('edge_door_refusals_total', 'sockets and packets refused by the broker', 'reason'),
    opens: metrics.counter('edge_opens_total', 'epochs opened, by lane', 'lane'),
    closes: metrics.counter('edge_closes_total', 'closes verified and journalled'),
    segments: metrics.counter('edge_segments_total', 'segments by how they ended', 'state'),
    nacks: metrics.counter('edge_nacks_total', 'nacks sent, by what is wanted', 'want'),
    errors: metrics.counter('edge_errors_total', 'err messages sent to devices, by code', 'code'),
    logins: metrics.counter('edge_logins_total', 'logins by result', 'result'),
    forwarded: metrics.counter('edge_forwarded_total', 'messages given to recipients'),
    entries: metrics.counter('edge_log_entries_total', 'entries of the evidence log'),
    anchors: metrics.counter('edge_anchors_total', 'tree heads that the ledger took'),
    anchorFailures: metrics.counter('edge_anchor_failures_total', 'tries to anchor that failed'),
    alarms: metrics.counter('edge_alarms_total', 'signs of attack or broken hardware', 'alarm'),
    bulk: metrics.counter('edge_bulk_total', 'bulk messages taken'),
    unservedFrames: metrics.counter('edge_unserved_frames_total', 'frames too long for the served store'),
    journalBytes: metrics.gauge('edge_journal_bytes', 'end of the journal'),
    journalFailed: metrics.gauge(
      'edge_journal_failed',
      '1 while the journal cannot be written and nothing is acknowledged',
    ),
    journalCutBytes: metrics.gauge('edge_journal_cut_bytes', 'torn tail that the last start cut from the journal'),
    unanchoredEntries: metrics.gauge(
      'edge_unanchored_entries',
      'entries of the evidence log that no anchored head covers',
    ),
    logRolledBack: metrics.gauge(
      'edge_log_rolled_back',
      '1 while the ledger holds a longer or another log than this folder, and no head is signed',
    ),
    sessions: metrics.gauge('edge_sessions', 'clients logged in'),
    commitMs: metrics.histogram(
      'edge_commit_ms',
      'time from writing to synced, once per turn of the event loop',
      [1, 2, 5, 10, 25, 50, 100, 250, 1000],
    ),
    refuse: (name) => refusals.add(1, name),
  };
}
