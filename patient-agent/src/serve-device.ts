import type { CryptoProvider } from '@pulseseal/crypto';
import { type CoseKey, type MessageSigner, parseSigned } from '@pulseseal/protocol';
import type { Random } from '@pulseseal/runtime';
import { checkAnswer, makeClaim, parseBoxCode } from './claim.ts';
import type { EpochDesk } from './epochs.ts';
import { agentFailure } from './failures.ts';
import { serveLink } from './link-session.ts';
import type { AgentPorts, LocalLink } from './ports.ts';
import type { DeviceEntry } from './state.ts';

export interface DeviceDesk {
  readonly ports: Pick<AgentPorts, 'manufacturers' | 'wall'> & {
    readonly random: Random;
    readonly crypto: CryptoProvider;
  };
  readonly owner: MessageSigner;
  readonly epochs: EpochDesk;
  /** Where each device can be reached past the gateway. */
  readonly links: Map<DeviceEntry, LocalLink>;
  refused(reason: string): void;
}

/** A claim that is under way at a link. */
export interface ClaimCase {
  /** Text of the QR on the box. */
  readonly code: string;
  /** The device proved itself: it is kept, with its first manifest. */
  enrol(device: { readonly key: CoseKey; readonly pseudonym: Uint8Array; readonly model: string }): DeviceEntry;
  claimed(entry: DeviceEntry): void;
}

/** Everything between one device and its owner's agent on the local link. @throws Failure qr-malformed */
export function serveDevice(
  desk: DeviceDesk,
  link: LocalLink,
  order: ClaimCase | undefined,
  failed: (error: unknown) => void,
): void {
  const { ports, owner, epochs, links } = desk;
  const pseudonym = ports.random.bytes(16);
  let claim: ReturnType<typeof makeClaim> | undefined;
  let isClaimed = false;
  link.onClose(() => {
    for (const [entry, other] of links) if (other === link) links.delete(entry);
    if (order !== undefined && !isClaimed) failed(agentFailure('link-closed'));
  });
  serveLink(link, order === undefined ? undefined : parseBoxCode(order.code), {
    refused: desk.refused,
    failed,
    claim(nonce, code) {
      claim = makeClaim(code, nonce, pseudonym, owner, ports.crypto);
      return claim.request;
    },
    answered(devcert, ack, code) {
      const key = checkAnswer(claim!, code, devcert, ack, ports);
      const entry = order!.enrol({ key, pseudonym, model: code.model });
      isClaimed = true;
      links.set(entry, link);
      link.send(entry.endorse);
      link.send(entry.manifests.at(-1)!);
      order!.claimed(entry);
    },
    opening(openBytes, from) {
      const entry = epochs.opening(openBytes);
      if (typeof entry === 'string') return entry;
      links.set(entry, from);
      const { manifestVersion } = parseSigned(openBytes, 'open').body;
      // It missed a change while it was away: the local link goes past a gateway that withholds it.
      if (manifestVersion < entry.version) from.send(entry.manifests.at(-1)!);
      return undefined;
    },
    keys: (message) => epochs.keys(message),
  });
}
