import { equalBytes, toHex } from '@pulseseal/crypto';
import { createMessageSigner, deviceText, parseCoseKey } from '@pulseseal/protocol';
import { createSerial } from '@pulseseal/runtime';
import { openArchive } from './archive.ts';
import { endorse } from './claim.ts';
import type { AgentDevice, AgentSettings, ClaimOrder, PatientAgent } from './contract.ts';
import { checkPrekey, consentOf, enrol } from './enrol.ts';
import { createEpochDesk } from './epochs.ts';
import { agentFailure } from './failures.ts';
import { splitFirst } from './first-message.ts';
import { ensureSeed } from './keys.ts';
import { agentLimits } from './limits.ts';
import { ownerPassword } from './login.ts';
import { issueManifest } from './manifest.ts';
import { settleOwed } from './outbox.ts';
import type { AgentPorts, LocalLink } from './ports.ts';
import { chooseReleases } from './releases.ts';
import { isEndorseDue, isManifestDue } from './renewal.ts';
import { type ClaimCase, type DeviceDesk, serveDevice } from './serve-device.ts';
import { type AgentState, type Consent, type DeviceEntry, owes, readAgentState, writeAgentState } from './state.ts';

export async function createPatientAgent(ports: AgentPorts, settings: AgentSettings): Promise<PatientAgent> {
  const { keys, store, wall, random, crypto } = ports;
  const name = (part: string) => `${settings.name}.${part}`;
  const owner = createMessageSigner('ML-DSA-65', await ensureSeed(keys, name('owner'), random), crypto);
  const transportSeed = await ensureSeed(keys, name('transport'), random);
  const state: AgentState = readAgentState(store) ?? {
    actCounter: 0,
    archiveRid: random.bytes(8),
    devices: [],
    session: null,
    vaultGeneration: 1,
  };
  const save = () => writeAgentState(store, state);
  save();
  const archive = await openArchive({ keys, store, random, crypto, state, save, name });
  const refusals: Record<string, number> = {};
  const refused = (reason: string) => {
    refusals[reason] = (refusals[reason] ?? 0) + 1;
  };
  const serial = createSerial();
  const vaultSerial = createSerial();
  const vault = {
    ...archive.vault,
    erase: (which: Parameters<typeof archive.vault.erase>[0]) => vaultSerial(() => archive.vault.erase(which)),
  };
  const epochs = createEpochDesk({ state, vault: archive.vault, archiveSeed: () => archive.seed, crypto });
  const desk: DeviceDesk = {
    ports,
    owner,
    epochs: { ...epochs, keys: (message) => vaultSerial(() => epochs.keys(message)) },
    links: new Map(),
    refused,
  };
  let stopped = false;
  let isWaiting = false;

  const settle = () => serial(() => settleOwed({ ...ports, state, save, owner, vault }));
  const pursue = () => {
    if (stopped || isWaiting) return;
    isWaiting = true;
    void settle().then((done) => {
      isWaiting = false;
      if (!done && !stopped) wall.after(agentLimits.retryMs, pursue);
      else if (state.devices.some(owes)) pursue();
    });
  };
  const entryOf = (pseudonym: Uint8Array): DeviceEntry => {
    const entry = state.devices.find((device) => equalBytes(device.pseudonym, pseudonym));
    if (entry === undefined) throw agentFailure('device-unknown');
    return entry;
  };
  /** Signs, keeps, hands to the device past the gateway, then to ledger and gateway. */
  const reissue = (entry: DeviceEntry) => {
    const manifest = issueManifest(entry, settings.policy, owner, wall.nowMs(), crypto);
    save();
    desk.links.get(entry)?.send(manifest);
    pursue();
  };
  /** What the owner decided does not end by itself: the same content again, long before its time is over. */
  const renew = () => {
    const nowMs = wall.nowMs();
    for (const entry of state.devices) {
      if (isEndorseDue(entry, nowMs)) {
        // For gateway and recipients; the device itself keeps its owner as it is.
        entry.endorse = endorse(parseCoseKey(entry.key), owner, nowMs, crypto);
        entry.owed = { ...entry.owed, publishEndorse: true };
        save();
        pursue();
      }
      if (isManifestDue(entry, nowMs)) reissue(entry);
    }
  };
  const claimCase = (order: ClaimOrder, claimed: (device: AgentDevice) => void): ClaimCase => {
    // Before the device takes an owner who could then give it no manifest.
    for (const { prekey } of order.recipients) checkPrekey(prekey, crypto);
    return {
      code: order.code,
      enrol(device) {
        const nowMs = wall.nowMs();
        const entry = enrol(device, order, archive.invitation(order.scopes), owner, { random, crypto, nowMs });
        issueManifest(entry, settings.policy, owner, nowMs, crypto);
        state.devices.push(entry);
        save();
        return entry;
      },
      claimed(entry) {
        pursue();
        claimed(viewOf(entry));
      },
    };
  };

  renew();
  const stopRenewal = wall.every(agentLimits.renewalLookMs, renew);
  pursue();
  return {
    owner: owner.key,
    thumbprint: owner.thumbprint,
    text: deviceText(owner.thumbprint),
    vault,
    refusals,
    password: (gateway, exporter) =>
      ownerPassword({ state, save, owner, wall, crypto }, transportSeed, gateway, exporter),
    claim: (link, order) =>
      new Promise((resolve, reject) => {
        if (state.devices.length >= agentLimits.maxDevices) throw agentFailure('device-count');
        serveDevice(desk, link, claimCase(order, resolve), (error) => {
          refused(codeOf(error));
          reject(error);
        });
      }),
    desk: (link, order) => serveAnybody(desk, link, (code) => claimCase({ ...order, code }, () => {})),
    attach: (link) => serveDevice(desk, link, undefined, () => refused('failed')),
    devices: () => state.devices.map(viewOf),
    addRecipient(pseudonym, invitation) {
      const entry = entryOf(pseudonym);
      if (entry.recipients.some((r) => equalBytes(r.rid, invitation.rid))) throw agentFailure('recipient-known');
      if (entry.recipients.length >= 16) throw agentFailure('recipient-count');
      checkPrekey(invitation.prekey, crypto);
      const added = consentOf(invitation, random);
      entry.recipients = [...entry.recipients, added];
      entry.owed = { ...entry.owed, grants: [...entry.owed.grants, { consent: added.consent, rid: added.rid }] };
      reissue(entry);
    },
    removeRecipient(pseudonym, rid) {
      const entry = entryOf(pseudonym);
      const gone = entry.recipients.find((r) => equalBytes(r.rid, rid));
      if (gone === undefined) throw agentFailure('recipient-unknown');
      entry.recipients = entry.recipients.filter((r) => r !== gone);
      entry.owed = { ...entry.owed, revokes: [...entry.owed.revokes, gone.consent] };
      reissue(entry);
    },
    grantHistory(pseudonym, rid, which, scopes) {
      const entry = entryOf(pseudonym);
      const device = toHex(entry.device);
      const chosen = vault.list().filter((epoch) => epoch.device === device && which(epoch));
      const releases = chooseReleases(entry, rid, chosen, scopes);
      entry.owed = { ...entry.owed, releases: [...entry.owed.releases, ...releases] };
      save();
      pursue();
      return releases.length;
    },
    rotatePrekey(rid, prekeyId, prekey, expiresMs) {
      checkPrekey(prekey, crypto);
      for (const entry of state.devices) {
        if (!entry.recipients.some((r) => equalBytes(r.rid, rid))) continue;
        const next = (r: Consent): Consent => (equalBytes(r.rid, rid) ? { ...r, prekeyId, prekey, expiresMs } : r);
        entry.recipients = entry.recipients.map(next);
        reissue(entry);
      }
    },
    setGateways(pseudonym, gateways) {
      const entry = entryOf(pseudonym);
      entry.gateways = gateways;
      reissue(entry);
    },
    settle,
    async stop() {
      stopped = true;
      stopRenewal();
      await settle().catch(() => false);
      await vaultSerial(async () => {});
      save();
      store.close();
    },
  };
}

/** The first message decides: a box code begins a claim, anything else is a device that has its owner. */
function serveAnybody(desk: DeviceDesk, link: LocalLink, claimOf: (code: string) => ClaimCase): void {
  const [first, rest] = splitFirst(link);
  void first.then((bytes) => {
    const code = Buffer.from(bytes).toString('latin1');
    const isCode = code.startsWith('ps1:');
    try {
      const failed = () => desk.refused('failed');
      serveDevice(desk, rest(isCode ? undefined : bytes), isCode ? claimOf(code) : undefined, failed);
    } catch (error) {
      desk.refused(codeOf(error));
      link.close();
    }
  });
}

const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : 'failed');

function viewOf(entry: DeviceEntry): AgentDevice {
  return {
    pseudonym: entry.pseudonym,
    device: entry.device,
    key: parseCoseKey(entry.key),
    text: deviceText(entry.device),
    model: entry.model,
    version: entry.version,
    recipients: entry.recipients,
    gateways: entry.gateways,
    endorse: entry.endorse,
    manifest: entry.manifests.at(-1)!,
  };
}
