import { type CryptoProvider, equalBytes, toHex } from '@pulseseal/crypto';
import {
  consentRecord,
  deviceRecord,
  type Ledger,
  type LedgerCall,
  ledgerCalls,
  manifestRecord,
  signAct,
  submitCall,
} from '@pulseseal/ledger';
import { deviceText, type MessageSigner, shardOf, topic } from '@pulseseal/protocol';
import { type Clock, Failure, type Logger } from '@pulseseal/runtime';
import type { GatewayPort } from './ports.ts';
import { isSame, sealRelease } from './releases.ts';
import type { AgentState, DeviceEntry } from './state.ts';
import type { Vault } from './vault.ts';

export interface OutboxPorts {
  readonly state: AgentState;
  readonly save: () => void;
  readonly owner: MessageSigner;
  readonly ledger: Ledger;
  readonly gateway: GatewayPort;
  readonly vault: Vault;
  readonly wall: Clock;
  readonly crypto: CryptoProvider;
  readonly log?: Logger;
}

/** Does what is owed outside, once each however often it is called; what fails stays owed. Answers whether all is done. */
export async function settleOwed(ports: OutboxPorts): Promise<boolean> {
  let done = true;
  for (const entry of ports.state.devices) {
    const ledgerDone = await tryStep(ports, () => settleLedger(ports, entry));
    // The gateway goes on with an unconfirmed manifest when the ledger is away, so it does not wait for it.
    const gatewayDone = await tryStep(ports, () => settleGateway(ports, entry));
    done &&= ledgerDone && gatewayDone;
  }
  return done;
}

async function tryStep(ports: OutboxPorts, step: () => Promise<void>): Promise<boolean> {
  try {
    await step();
    return true;
  } catch (error) {
    const code = error instanceof Failure ? error.code : 'not-connected';
    ports.log?.warn({ code }, 'not taken yet; trying again');
    return false;
  }
}

async function settleLedger(ports: OutboxPorts, entry: DeviceEntry): Promise<void> {
  const { ledger, owner, crypto } = ports;
  const settle = (change: Partial<DeviceEntry['owed']>) => {
    entry.owed = { ...entry.owed, ...change };
    ports.save();
  };
  if (entry.owed.register) {
    const known = await ledger.read('GetDevice', [entry.pseudonym]);
    if (known === undefined) {
      const salted = crypto.sha256Parts(entry.salt, entry.device);
      await submitWithAct(ports, ledgerCalls.registerDevice(entry.pseudonym, owner.key, salted, crypto));
    } else if (!equalBytes(deviceRecord.parse(known).owner, owner.thumbprint)) throw new Error('pseudonym taken');
    settle({ register: false });
  }
  for (const { consent, rid } of entry.owed.grants) {
    if ((await ledger.read('GetConsent', [owner.thumbprint, consent])) === undefined)
      await submitWithAct(ports, ledgerCalls.grantConsent(consent, entry.pseudonym, rid, owner.key));
    settle({ grants: entry.owed.grants.filter((grant) => !equalBytes(grant.consent, consent)) });
  }
  // Revocation first: the gateway stops forwarding at the event, before the next epoch closes the door for good.
  for (const consent of entry.owed.revokes) {
    const record = await ledger.read('GetConsent', [owner.thumbprint, consent]);
    if (record !== undefined && consentRecord.parse(record).revokedMs === null)
      await submitWithAct(ports, ledgerCalls.revokeConsent(consent, owner.key));
    settle({ revokes: entry.owed.revokes.filter((revoke) => !equalBytes(revoke, consent)) });
  }
  if (entry.owed.manifest) {
    await putManifests(ports, entry);
    settle({ manifest: false });
  }
}

/** Versions go up one by one: what the ledger missed while it was away is put in order. */
async function putManifests(ports: OutboxPorts, entry: DeviceEntry): Promise<void> {
  const record = await ports.ledger.read('GetManifest', [entry.pseudonym]);
  const registered = record === undefined ? 0 : manifestRecord.parse(record).version;
  entry.registered = registered;
  // Read anew at each turn: the owner may decide while the ledger answers.
  for (let version = registered + 1; version <= entry.version; version++) {
    const bytes = entry.manifests.at(version - entry.version - 1);
    if (bytes === undefined) throw new Error(`manifest ${version} is no longer kept`);
    await submitCall(ports.ledger, ledgerCalls.putManifest(bytes, ports.owner.key));
    entry.registered = version;
  }
}

async function submitWithAct(ports: OutboxPorts, call: LedgerCall): Promise<void> {
  const { state, owner, ledger, wall } = ports;
  const { ledgerId } = await ledger.identity();
  state.actCounter++;
  // Durable before it is used: a counter used twice is refused.
  ports.save();
  const act = signAct(owner, ledgerId, call.fn, call.args, state.actCounter, Math.floor(wall.nowMs()));
  await submitCall(ledger, call, act);
}

async function settleGateway(ports: OutboxPorts, entry: DeviceEntry): Promise<void> {
  const { gateway, crypto } = ports;
  const shard = shardOf(entry.device, crypto);
  const name = deviceText(entry.device);
  if (entry.owed.publishEndorse) {
    await gateway.publish(topic.device(shard, name, 'e'), entry.endorse);
    entry.owed = { ...entry.owed, publishEndorse: false };
    ports.save();
  }
  if (entry.owed.publishManifest) {
    const manifest = entry.manifests.at(-1)!;
    await gateway.publish(topic.device(shard, name, 'm'), manifest);
    if (manifest === entry.manifests.at(-1)) entry.owed = { ...entry.owed, publishManifest: false };
    ports.save();
  }
  // Behind the manifest: the gateway passes a release only to whom it lists. Sealed now, so that nothing secret waits.
  for (const owed of entry.owed.releases) {
    const message = await sealRelease(entry, owed, ports.vault, ports.owner, crypto);
    if (message !== undefined) await gateway.publish(topic.recipient(toHex(owed.rid), 'g'), message);
    entry.owed = { ...entry.owed, releases: entry.owed.releases.filter((other) => !isSame(other, owed)) };
    ports.save();
  }
}
