import { equalBytes } from '@pulseseal/crypto';
import {
  type CoseKey,
  createMessageSigner,
  deviceText,
  encodeCoseKey,
  type ManifestPolicy,
  parseSigned,
  thumbprint,
} from '@pulseseal/protocol';
import { createSerial } from '@pulseseal/runtime';
import { checkAnswer, endorse, makeClaim, parseBoxCode } from './claim.ts';
import { createEpochDesk } from './epochs.ts';
import { agentFailure } from './failures.ts';
import { ensureSeed } from './keys.ts';
import { agentLimits } from './limits.ts';
import { serveLink } from './link-session.ts';
import { ownerPassword } from './login.ts';
import { issueManifest } from './manifest.ts';
import { settleOwed } from './outbox.ts';
import type { AgentPorts, LocalLink } from './ports.ts';
import {
  type AgentState,
  type Consent,
  type DeviceEntry,
  type Invitation,
  readAgentState,
  writeAgentState,
} from './state.ts';
import { openVault, type Vault, vaultGeneration } from './vault.ts';

export interface AgentSettings {
  /** Prefix of the names in the key store: several agents may share one. Lower case, digits, `.`, `-`. */
  readonly name: string;
  readonly policy: ManifestPolicy;
}

export const defaultPolicy: ManifestPolicy = { maxEpochS: 3_600, rekeyGraceS: 60, maxStaleS: 7 * 86_400 };

/** A claimed device as its owner sees it. */
export interface AgentDevice {
  readonly pseudonym: Uint8Array;
  /** Thumbprint of its operational key. */
  readonly device: Uint8Array;
  readonly key: CoseKey;
  /** `<dev>` text. */
  readonly text: string;
  readonly model: string;
  readonly version: number;
  readonly recipients: readonly Consent[];
  readonly gateways: readonly Uint8Array[];
  readonly endorse: Uint8Array;
  readonly manifest: Uint8Array;
}

export interface ClaimOrder {
  /** Text of the QR on the box. */
  readonly code: string;
  /** Of the device; by default what its operational key says. */
  readonly suite?: 1 | 2;
  /** Every scope of the device but 0: what the archive may open. */
  readonly scopes: readonly number[];
  readonly recipients: readonly Invitation[];
  /** Thumbprints of the gateways that may serve. */
  readonly gateways: readonly Uint8Array[];
}

/** The patient's own keys and decisions: who may read, which gateways may serve, what stays in the archive. */
export interface PatientAgent {
  readonly owner: CoseKey;
  readonly thumbprint: Uint8Array;
  /** `<dev>` form: the MQTT client id. */
  readonly text: string;
  readonly vault: Vault;
  /** Password of a login at this gateway, bound to the TLS connection (see protocol 12). */
  password(gateway: Uint8Array, exporter: Uint8Array | undefined): Uint8Array;
  /** Claims the device at the other end. Resolves when it is endorsed and has its first manifest. */
  claim(link: LocalLink, order: ClaimOrder): Promise<AgentDevice>;
  /** Serves a device that is claimed already. */
  attach(link: LocalLink): void;
  /**
   * A desk where anybody's device may come by: one that first says its box code (the text of its QR, which a phone would
   * scan) is claimed by `order`, any other one is served. For a port on loopback.
   */
  desk(link: LocalLink, order: Omit<ClaimOrder, 'code'>): void;
  devices(): readonly AgentDevice[];
  /** A new manifest with one recipient more; the device opens a new epoch. */
  addRecipient(pseudonym: Uint8Array, invitation: Invitation): void;
  /** Ends the consent: ledger first, then the manifest. What was decrypted stays decrypted. */
  removeRecipient(pseudonym: Uint8Array, rid: Uint8Array): void;
  /** The recipient's next prekey, in every device that names it. */
  rotatePrekey(rid: Uint8Array, prekeyId: number, prekey: Uint8Array, expiresMs: number): void;
  setGateways(pseudonym: Uint8Array, gateways: readonly Uint8Array[]): void;
  /** Hands in what is owed to ledger and gateway; also done by itself until all is taken. */
  settle(): Promise<boolean>;
  /** Counts of what was not obeyed, by reason. */
  readonly refusals: Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

const archivePrekeyId = 1;
/** The archive's own key does not rotate: it is as long-lived as the vault (protocol 3). */
const archiveExpiresMs = Date.UTC(2099, 0, 1);

export async function createPatientAgent(ports: AgentPorts, settings: AgentSettings): Promise<PatientAgent> {
  const { keys, store, wall, random, crypto } = ports;
  const name = (part: string) => `${settings.name}.${part}`;
  const owner = createMessageSigner('ML-DSA-65', await ensureSeed(keys, name('owner'), random), crypto);
  const archiveSeed = await ensureSeed(keys, name('archive'), random);
  const archivePrekey = crypto.xwingKeyPair(archiveSeed).publicKey;
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
  const vaultKey = (generation: number) => name(`vault.${generation}`);
  // The entries themselves say which key they are under: an erasure that a crash cut short is finished here.
  state.vaultGeneration = vaultGeneration(store) ?? (await newestVaultKey()) ?? state.vaultGeneration;
  await dropOlderKeys(state.vaultGeneration);
  const vault = openVault({
    store,
    random,
    crypto,
    key: await ensureSeed(keys, vaultKey(state.vaultGeneration), random),
    generation: state.vaultGeneration,
    renew: (generation) => ensureSeed(keys, vaultKey(generation), random),
    async retire(generation) {
      state.vaultGeneration = generation;
      save();
      await dropOlderKeys(generation);
    },
  });
  const desk = createEpochDesk({ state, vault, archiveSeed: () => archiveSeed, crypto });
  const refusals: Record<string, number> = {};
  const refused = (reason: string) => {
    refusals[reason] = (refusals[reason] ?? 0) + 1;
  };
  /** Where each device can be reached past the gateway. */
  const links = new Map<DeviceEntry, LocalLink>();
  const serial = createSerial();
  const vaultSerial = createSerial();
  let stopped = false;
  let isWaiting = false;

  async function newestVaultKey(): Promise<number | undefined> {
    const prefix = name('vault.');
    const own = (await keys.list()).filter((item) => item.name.startsWith(prefix));
    return own.length === 0 ? undefined : Math.max(...own.map((item) => Number(item.name.slice(prefix.length))));
  }
  async function dropOlderKeys(generation: number) {
    const prefix = name('vault.');
    for (const item of await keys.list())
      if (item.name.startsWith(prefix) && Number(item.name.slice(prefix.length)) < generation)
        await keys.remove(item.name);
  }
  const settle = () => serial(() => settleOwed({ ...ports, state, save, owner }));
  const pursue = () => {
    if (stopped || isWaiting) return;
    isWaiting = true;
    void settle().then((done) => {
      isWaiting = false;
      if (!done && !stopped) wall.after(agentLimits.retryMs, pursue);
      else if (state.devices.some(owes)) pursue();
    });
  };
  const viewOf = (entry: DeviceEntry): AgentDevice => ({
    pseudonym: entry.pseudonym,
    device: entry.device,
    key: parseSigned(entry.endorse, 'endorse').body.key,
    text: deviceText(entry.device),
    model: entry.model,
    version: entry.version,
    recipients: entry.recipients,
    gateways: entry.gateways,
    endorse: entry.endorse,
    manifest: entry.manifests.at(-1)!,
  });
  const entryOf = (pseudonym: Uint8Array): DeviceEntry => {
    const entry = state.devices.find((device) => equalBytes(device.pseudonym, pseudonym));
    if (entry === undefined) throw agentFailure('device-unknown');
    return entry;
  };
  /** Signs, keeps, hands to the device past the gateway, then to ledger and gateway. */
  const reissue = (entry: DeviceEntry) => {
    const manifest = issueManifest(entry, settings.policy, owner, wall.nowMs(), crypto);
    save();
    links.get(entry)?.send(manifest);
    pursue();
  };
  const consentOf = (invitation: Invitation): Consent => ({ ...invitation, consent: random.bytes(32) });
  const enrol = (key: CoseKey, pseudonym: Uint8Array, model: string, order: ClaimOrder): DeviceEntry => {
    const archive: Invitation = {
      rid: state.archiveRid,
      prekeyId: archivePrekeyId,
      prekey: archivePrekey,
      scopes: order.scopes,
      role: 2,
      expiresMs: archiveExpiresMs,
    };
    const recipients = [...order.recipients, archive].map(consentOf);
    const entry: DeviceEntry = {
      pseudonym,
      device: thumbprint(key, crypto),
      key: encodeCoseKey(key),
      model,
      suite: order.suite ?? (key.algorithm === 'ML-DSA-44' ? 1 : 2),
      salt: random.bytes(16),
      endorse: endorse(key, owner, wall.nowMs(), crypto),
      gateways: order.gateways,
      recipients,
      manifests: [],
      version: 0,
      owed: {
        register: true,
        manifest: true,
        publishEndorse: true,
        publishManifest: true,
        grants: recipients.map(({ consent, rid }) => ({ consent, rid })),
        revokes: [],
      },
    };
    issueManifest(entry, settings.policy, owner, wall.nowMs(), crypto);
    state.devices.push(entry);
    save();
    return entry;
  };
  const serve = (
    link: LocalLink,
    order: ClaimOrder | undefined,
    claimed: (device: AgentDevice) => void,
    failed: (e: unknown) => void,
  ) => {
    const pseudonym = random.bytes(16);
    let claim: ReturnType<typeof makeClaim> | undefined;
    let isClaimed = false;
    link.onClose(() => {
      for (const [entry, other] of links) if (other === link) links.delete(entry);
      if (order !== undefined && !isClaimed) failed(agentFailure('link-closed'));
    });
    serveLink(link, order === undefined ? undefined : parseBoxCode(order.code), {
      refused,
      failed,
      claim(nonce, code) {
        claim = makeClaim(code, nonce, pseudonym, owner, crypto);
        return claim.request;
      },
      answered(devcert, ack, code) {
        const key = checkAnswer(claim!, code, devcert, ack, ports);
        const entry = enrol(key, pseudonym, code.model, order!);
        isClaimed = true;
        links.set(entry, link);
        link.send(entry.endorse);
        link.send(entry.manifests.at(-1)!);
        pursue();
        claimed(viewOf(entry));
      },
      opening(openBytes, from) {
        const entry = desk.opening(openBytes);
        if (typeof entry === 'string') return entry;
        links.set(entry, from);
        const { manifestVersion } = parseSigned(openBytes, 'open').body;
        // It missed a change while it was away: the local link goes past a gateway that withholds it.
        if (manifestVersion < entry.version) from.send(entry.manifests.at(-1)!);
        return undefined;
      },
      keys: (message) => vaultSerial(() => desk.keys(message)),
    });
  };
  pursue();
  return {
    owner: owner.key,
    thumbprint: owner.thumbprint,
    text: deviceText(owner.thumbprint),
    vault: { ...vault, erase: (which) => vaultSerial(() => vault.erase(which)) },
    refusals,
    password: (gateway, exporter) =>
      ownerPassword({ state, save, owner, wall, crypto }, transportSeed, gateway, exporter),
    claim: (link, order) =>
      new Promise((resolve, reject) => {
        if (state.devices.length >= agentLimits.maxDevices) throw agentFailure('device-count');
        serve(link, order, resolve, (error) => {
          refused(error instanceof Error && 'code' in error ? String(error.code) : 'failed');
          reject(error);
        });
      }),
    desk(link, order) {
      const [first, rest] = splitFirst(link);
      void first.then((bytes) => {
        const code = Buffer.from(bytes).toString('latin1');
        const isCode = code.startsWith('ps1:');
        const failed = () => refused('failed');
        try {
          serve(rest(isCode ? undefined : bytes), isCode ? { ...order, code } : undefined, () => {}, failed);
        } catch {
          refused('qr-malformed');
          link.close();
        }
      });
    },
    attach: (link) =>
      serve(
        link,
        undefined,
        () => {},
        () => refused('failed'),
      ),
    devices: () => state.devices.map(viewOf),
    addRecipient(pseudonym, invitation) {
      const entry = entryOf(pseudonym);
      if (entry.recipients.some((r) => equalBytes(r.rid, invitation.rid))) throw agentFailure('recipient-known');
      if (entry.recipients.length >= 16) throw agentFailure('recipient-count');
      const added = consentOf(invitation);
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
    rotatePrekey(rid, prekeyId, prekey, expiresMs) {
      for (const entry of state.devices) {
        if (!entry.recipients.some((r) => equalBytes(r.rid, rid))) continue;
        const renew = (r: Consent): Consent => (equalBytes(r.rid, rid) ? { ...r, prekeyId, prekey, expiresMs } : r);
        entry.recipients = entry.recipients.map(renew);
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
      await settle().catch(() => false);
      await vaultSerial(async () => {});
      save();
      store.close();
    },
  };
}

/** The first message, and a link that goes on behind it (with it again, when it was an ordinary one). */
function splitFirst(link: LocalLink): readonly [Promise<Uint8Array>, (again: Uint8Array | undefined) => LocalLink] {
  const waiting: Uint8Array[] = [];
  let handler: ((bytes: Uint8Array) => void) | undefined;
  const { promise, resolve } = Promise.withResolvers<Uint8Array>();
  let isFirst = true;
  link.onMessage((bytes) => {
    if (isFirst) resolve(bytes);
    else if (handler !== undefined) handler(bytes);
    else if (waiting.length < agentLimits.maxLinkRefusals) waiting.push(bytes);
    else link.close();
    isFirst = false;
  });
  const rest = (again: Uint8Array | undefined): LocalLink => ({
    ...link,
    onMessage(next) {
      handler = next;
      for (const bytes of again === undefined ? waiting : [again, ...waiting]) next(bytes);
      waiting.length = 0;
    },
  });
  return [promise, rest];
}

function owes({ owed }: DeviceEntry): boolean {
  return (
    owed.register ||
    owed.manifest ||
    owed.publishEndorse ||
    owed.publishManifest ||
    owed.grants.length > 0 ||
    owed.revokes.length > 0
  );
}
