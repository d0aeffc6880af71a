import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbeddedPublisher, openEmbeddedSubscriber } from '@pulseseal/bus';
import { equalBytes, fromHex } from '@pulseseal/crypto';
import { JOURNAL_LOG } from '@pulseseal/edge-gateway';
import {
  connectLedger,
  createDisputeReporter,
  type Ledger,
  ledgerCalls,
  recipientRecord,
  signAct,
  submitCall,
} from '@pulseseal/ledger';
import { createRecordSeal, openCursor, openLog, openLogReader } from '@pulseseal/log';
import { type CareEvent, encodeCoseKey } from '@pulseseal/protocol';
import {
  createStreamProcessor,
  ledgerView,
  loadRecipientIdentity,
  openFileStateStore,
  PREKEY_LIFE_MS,
  type RecipientIdentity,
} from '@pulseseal/stream-processor';
import {
  createApi,
  createLogJournal,
  createSessions,
  createTwinService,
  type PatientEntry,
  type TwinService,
} from '@pulseseal/twin-service';
import { ROTATE_MARK } from '../commands/keys.ts';
import { openProofSource } from '../proof/source.ts';
import type { RuleAlert } from '../start/lines.ts';
import type { CareAccount } from '../start/totals.ts';
import { createActedOn } from './acted-on.ts';
import { takeAskedLogins } from './asked-logins.ts';
import { atRest, openWard, takeRotateMark, type Ward } from './care-state.ts';
import type { Acceptance, CareReady, CareZoneSettings, Invitation, Person } from './contracts.ts';
import type { Emit, RunningZone } from './ipc.ts';
import { serveMetrics } from './metrics-server.ts';
import { writePublicKeys } from './public-keys.ts';
import { openSeenFrames } from './seen-frames.ts';
import { openZone, privateFolder, secretOf, type ZoneBase } from './zone.ts';

/** A caregiver of the demo looks after these of the people. */
const FAMILY = 2;
/** A reading is shown to the terminal so often. */
const READING_PERIOD_MS = 5_000;

/** The care zone: stream processor, twins, board. It holds the recipient keys. */
export async function runCare(settings: CareZoneSettings, emit: Emit): Promise<RunningZone> {
  const base = await openZone('care', settings);
  const seal = atRest(base, await secretOf(base, 'at-rest'));
  const ward = await openWard(base.dir, seal.seal, seal.open);
  const identity = await loadRecipientIdentity(base);
  await writePublicKeys(base, [{ name: 'recipient', key: identity.signer.key }]);
  const ledger = connectLedger({ ...settings.ledger, clock: base.wall });
  const twins = await openTwins(base, settings, ward);
  const acted = createActedOn();
  const journalReader = await openLogReader({ dir: settings.journalDir });
  const lost = base.metrics.counter('care_feed_lost_total', 'Messages of the feed that disk damage took');
  const subscriber = await openEmbeddedSubscriber({
    dir: settings.feedDir,
    cursorPath: join(base.dir, 'feed.cursor'),
    references: { [JOURNAL_LOG]: journalReader },
    onLost: () => lost.add(),
    clock: base.wall,
  });
  const toEdge = await openEmbeddedPublisher({ dir: join(base.dir, 'toedge') });
  const state = await openFileStateStore({
    folder: await privateFolder(join(base.dir, 'epochs')),
    sealKey: await secretOf(base, 'epochs'),
    crypto: base.crypto,
    random: base.random,
  });
  const opened = await openSeenFrames(state, 'opened');
  const disputes = createDisputeReporter({ ledger, signer: identity.signer, wall: base.wall, logger: base.logger });
  const processor = createStreamProcessor(
    {
      ...base,
      feed: {
        receive: subscriber.receive,
        async acknowledge(position) {
          // First: what is acknowledged does not come again.
          await opened.keep();
          await subscriber.acknowledge(position);
        },
      },
      opened: opened.note,
      toEdge,
      patients: ward,
      state,
      async sink(events: readonly CareEvent[]) {
        await twins.handle(events);
        acted.note(events);
      },
      ledger: ledgerView(ledger),
      disputes,
    },
    { speed: settings.speed },
  );
  const proofs = await openProofSource(settings.dataDir, { ledger, care: { keys: base.keys, state, ward } });
  const sessions = createSessions(base.wall, base.random);
  const api = await createApi(
    { service: twins, sessions, proofs, wall: base.wall, logger: base.logger },
    { port: settings.boardPort, staticDir: settings.staticDir },
  );
  const metrics = await serveMetrics(base.metrics, settings.metricsPort);
  let family: readonly string[] = [];
  const stopAskedLogins = await takeAskedLogins({ base, sessions, twins, family: () => family });
  // For `pulseseal login` beside the running system.
  await writeFile(join(base.dir, 'address.json'), JSON.stringify({ board: api.url }), { mode: 0o600 });
  announce(twins, emit, base);
  await processor.start();
  const ready: CareReady = {
    board: api.url,
    clinicianCode: sessions.issueCode({ role: 'clinician', patients: 'all' }),
    metrics: metrics.url,
  };
  return {
    ready,
    calls: {
      invite: async (people: readonly Person[]) => {
        announceSystemOff(twins, ward, emit);
        const isRotation = await takeRotateMark(join(base.dir, ROTATE_MARK));
        const invitations = await inviteAll(base, people, ward, identity, isRotation);
        await putRecipients(base, invitations, identity, ledger);
        return invitations;
      },
      renew: async () => {
        const invitations = await inviteAll(base, ward.entries.map(asPerson), ward, identity, false);
        await putRecipients(base, invitations, identity, ledger);
        return invitations;
      },
      pin: async (acceptances: readonly Acceptance[]) => {
        await ward.pin(acceptances);
        for (const { patient } of acceptances) {
          const entry = ward.entry(patient);
          if (entry !== undefined) await twins.watch(patientEntry(entry));
        }
        family = acceptances.slice(0, FAMILY).map((acceptance) => acceptance.patient);
        return sessions.issueCode({ role: 'caregiver', patients: family });
      },
      isSettled: async () => {
        await processor.flush();
        const { opened, sealed, anchored } = processor.totals;
        return sealed >= opened && anchored >= sealed;
      },
      account: async (): Promise<CareAccount> => {
        await processor.flush();
        const { refusals } = processor.totals;
        return { opened: opened.count, duplicates: acted.duplicates, refusals, alerts: twins.raisedCounts() };
      },
    },
    async stop() {
      stopAskedLogins();
      await processor.stop();
      disputes.stop();
      await api.close();
      await twins.stop();
      await subscriber.close();
      await toEdge.close();
      await journalReader.close();
      await proofs.close();
      await ledger.close();
      await metrics.close();
    },
  };
}

const patientEntry = ({ patient, name, bed, ageYears }: PatientEntry): PatientEntry => ({
  patient,
  name,
  bed,
  ageYears: ageYears ?? null,
});

async function openTwins(base: ZoneBase, settings: CareZoneSettings, ward: Ward): Promise<TwinService> {
  const dir = join(base.dir, 'twin');
  const checkpoint = await openCursor(join(base.dir, 'twin.checkpoint'));
  const log = await openLog({
    dir,
    seal: createRecordSeal(await secretOf(base, 'twin-log')),
    retention: { keepFrom: () => checkpoint.position },
  });
  return createTwinService(
    { ...base, journal: createLogJournal(log, checkpoint) },
    { patients: ward.entries.map(patientEntry), speed: settings.speed },
  );
}

function ruleAlert(
  patient: string,
  { rule, priority, reason }: Pick<RuleAlert, 'rule' | 'priority' | 'reason'>,
  state: RuleAlert['state'],
  atMs: number,
): RuleAlert {
  return { patient, rule, priority, state, atMs, reason };
}

/** "System off" was noted while the twins were rebuilt, before anybody could listen. */
function announceSystemOff(twins: TwinService, ward: Ward, emit: Emit): void {
  if ((twins.raisedCounts()['system-off'] ?? 0) === 0) return;
  for (const { patient } of ward.entries) {
    const alert = twins.twin(patient)?.cleared.findLast((known) => known.rule === 'system-off');
    if (alert === undefined) continue;
    emit('alert', ruleAlert(patient, alert, 'raised', alert.raisedAtMs));
    emit('alert', ruleAlert(patient, alert, 'cleared', alert.clearedAtMs ?? alert.raisedAtMs));
  }
}

/** Alerts, and now and then a reading, to whoever started the system. */
function announce(twins: TwinService, emit: Emit, base: ZoneBase): void {
  twins.onAlert(({ patient, alert, change }) => {
    const atMs =
      change === 'cleared'
        ? alert.clearedAtMs
        : change === 'acknowledged'
          ? alert.acknowledged?.atMs
          : alert.raisedAtMs;
    emit('alert', ruleAlert(patient, alert, change, atMs ?? twins.nowMs()));
  });
  let lastMs = Number.NEGATIVE_INFINITY;
  let lastAnchoredMs = Number.NEGATIVE_INFINITY;
  twins.onReading((note) => {
    const nowMs = base.wall.monotonicMs();
    const isAnchored = note.grade === 'anchored';
    if (nowMs - (isAnchored ? lastAnchoredMs : lastMs) < READING_PERIOD_MS) return;
    if (isAnchored) lastAnchoredMs = nowMs;
    else lastMs = nowMs;
    emit('reading', { id: note.id, value: note.value, unit: note.unit, grade: note.grade });
  });
}

const asPerson = ({ patient, name, bed, ageYears }: Ward['entries'][number]): Person => ({
  ...{ patient, name, bed, ageYears },
  record: null,
});

async function inviteAll(
  base: ZoneBase,
  people: readonly Person[],
  ward: Ward,
  identity: RecipientIdentity,
  isRotation: boolean,
): Promise<Invitation[]> {
  const strangers = people.filter(({ patient }) => ward.entry(patient) === undefined);
  await ward.admit(strangers.map((person) => ({ person, rid: identity.newRid() })));
  const invitations: Invitation[] = [];
  for (const person of people) {
    const entry = ward.entry(person.patient)!;
    const made = await identity.invitation(fromHex(entry.rid), isRotation ? PREKEY_LIFE_MS : undefined);
    invitations.push({
      patient: person.patient,
      rid: made.rid,
      prekeyId: made.prekeyId,
      prekey: made.prekey,
      identityKey: encodeCoseKey(made.identity),
      expiresMs: made.expiresMs,
    });
  }
  await identity.sweep();
  base.logger.info({ people: people.length }, 'invitations made');
  return invitations;
}

/** One after another: the counter of a signer's acts must rise in the order of arrival. */
async function putRecipients(
  base: ZoneBase,
  invitations: readonly Invitation[],
  identity: RecipientIdentity,
  ledger: Ledger,
): Promise<void> {
  const { ledgerId } = await ledger.identity();
  let counter = base.wall.nowMs();
  for (const { rid, prekey, expiresMs } of invitations) {
    const prekeyHash = base.crypto.sha256(prekey);
    const known = await ledger.read('GetRecipient', [rid]);
    if (known !== undefined && equalBytes(recipientRecord.parse(known).prekeyHash, prekeyHash)) continue;
    const call = ledgerCalls.putRecipient(rid, identity.signer.key, prekeyHash, expiresMs);
    counter = Math.max(counter + 1, base.wall.nowMs());
    const act = signAct(identity.signer, ledgerId, call.fn, call.args, counter, base.wall.nowMs());
    await submitCall(ledger, call, act);
  }
}
