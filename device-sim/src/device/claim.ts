import { type CryptoProvider, equalBytes } from '@pulseseal/crypto';
import {
  attempt,
  claimMac,
  createMessageSigner,
  encodeCoseKey,
  encodeLost,
  type MessageSigner,
  parseCoseKey,
  parseMessage,
  type RefusalName,
  type Signed,
  type SigningAlgorithm,
  signBody,
  thumbprint,
  verifySigned,
} from '@pulseseal/protocol';
import type { Random } from '@pulseseal/runtime';
import type { FactoryIdentity } from './identity.ts';
import { deviceLimits } from './limits.ts';
import type { DeviceMemory } from './memory.ts';
import type { LocalLinkPort } from './ports.ts';
import { same } from './trust.ts';

export interface ClaimPorts {
  readonly memory: DeviceMemory;
  readonly factory: FactoryIdentity;
  readonly operationalAlgorithm: SigningAlgorithm;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  save(): void;
  /** The owner has endorsed the operational key: the device may begin. */
  owned(): void;
  manifest(bytes: Uint8Array): void;
  resync(message: Signed<'resync'>): void;
  refused(reason: RefusalName): void;
}

/** The device's end of the local link (SPEC clauses ENROL-1 and ENROL-2). */
export interface ClaimDesk {
  attach(link: LocalLinkPort): void;
  /** To every agent that is there. */
  tell(bytes: Uint8Array): void;
  detach(): void;
}

/**
 * An unclaimed device begins with `lost` and its nonce. A claim holds from the owner's `endorse` on; until then the same
 * or another try may follow, each with a fresh nonce, so that a broken link can't lock the owner out. After it every
 * `claimreq` is refused: former owners know the QR.
 */
export function createClaimDesk(ports: ClaimPorts): ClaimDesk {
  const { memory, factory, random, crypto } = ports;
  const links = new Set<LocalLinkPort>();
  const attestation = createMessageSigner(factory.attestationAlgorithm, factory.attestationSeed, crypto);

  const session = (link: LocalLinkPort) => {
    let nonce: Uint8Array | undefined;
    const offer = () => {
      nonce = random.bytes(16);
      link.send(encodeLost(nonce));
    };
    const claim = (request: Signed<'claimreq'>) => {
      const refusal = judgeClaim(request, nonce, attestation, ports);
      // Used once, whatever came of it.
      nonce = undefined;
      if (refusal !== undefined) {
        ports.refused(refusal);
        if (memory.endorse === null) offer();
        return;
      }
      memory.okSeed = random.bytes(32);
      memory.owner = request.body.owner;
      memory.ownerKey = encodeCoseKey(request.body.ownerKey);
      memory.pseudonym = request.body.pseudonym;
      ports.save();
      const operational = createMessageSigner(ports.operationalAlgorithm, memory.okSeed, crypto);
      link.send(factory.devcert);
      link.send(
        signBody(
          'claimack',
          {
            attestationKey: attestation.thumbprint,
            claimHash: crypto.sha256(request.raw),
            key: operational.key,
            boot: memory.boot,
          },
          attestation,
        ),
      );
    };
    const endorse = (signed: Signed<'endorse'>) => {
      if (memory.endorse !== null) return;
      const refusal = judgeEndorsement(signed, ports);
      if (refusal !== undefined) {
        ports.refused(refusal);
        return;
      }
      memory.endorse = signed.raw;
      ports.save();
      ports.owned();
    };
    link.onMessage((bytes) => {
      const parsed = attempt(() => parseMessage(bytes, deviceLimits.maxMessageBytes));
      if (!parsed.ok) {
        ports.refused(parsed.refusal);
        return;
      }
      const message = parsed.value;
      if (message.kind !== 'signed') return;
      if (message.typ === 'claimreq') claim(message);
      else if (message.typ === 'endorse') endorse(message);
      else if (message.typ === 'manifest') ports.manifest(bytes);
      else if (message.typ === 'resync') ports.resync(message);
    });
    if (memory.endorse === null) offer();
  };
  return {
    attach(link) {
      links.add(link);
      link.onClose(() => links.delete(link));
      session(link);
    },
    tell(bytes) {
      for (const link of links) link.send(bytes);
    },
    detach() {
      for (const link of links) link.close();
      links.clear();
    },
  };
}

function judgeClaim(
  request: Signed<'claimreq'>,
  nonce: Uint8Array | undefined,
  attestation: MessageSigner,
  ports: ClaimPorts,
): RefusalName | undefined {
  const { memory, factory, crypto } = ports;
  const { body } = request;
  if (memory.endorse !== null) return 'owner-mismatch';
  if (!same(body.attestationKey, attestation.thumbprint)) return 'topic-mismatch';
  if (nonce === undefined || !same(body.nonce, nonce)) return 'nonce-mismatch';
  if (!same(thumbprint(body.ownerKey, crypto), body.owner)) return 'key-mismatch';
  const mac = claimMac(attestation.thumbprint, factory.claimSecret, body.owner, body.pseudonym, body.nonce, crypto);
  if (!equalBytes(mac, body.mac)) return 'mac-fail';
  return verifySigned(request, body.ownerKey, crypto) ? undefined : 'signature-invalid';
}

/** The owner of the claim, and nobody else, vouches for this device's operational key. */
function judgeEndorsement(signed: Signed<'endorse'>, ports: ClaimPorts): RefusalName | undefined {
  const { memory, crypto } = ports;
  if (memory.ownerKey === null || memory.owner === null || memory.okSeed === null) return 'not-endorsed';
  const ownerKey = parseCoseKey(memory.ownerKey);
  const operational = createMessageSigner(ports.operationalAlgorithm, memory.okSeed, crypto);
  if (!same(signed.body.issuer, memory.owner)) return 'owner-mismatch';
  if (!same(signed.body.subject, operational.thumbprint)) return 'topic-mismatch';
  if (!same(encodeCoseKey(signed.body.key), encodeCoseKey(operational.key))) return 'key-mismatch';
  return verifySigned(signed, ownerKey, crypto) ? undefined : 'signature-invalid';
}
