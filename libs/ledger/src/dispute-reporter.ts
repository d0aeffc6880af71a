import { ledgerCalls, signAct } from '@pulseseal/chaincode';
import { equalBytes, toHex } from '@pulseseal/crypto';
import { type MessageSigner, parseSigned } from '@pulseseal/protocol';
import { type Clock, Failure, type Logger } from '@pulseseal/runtime';
import { DISPUTE_RETRY_MS, MAX_WAITING_DISPUTES } from './limits.ts';
import { type Ledger, submitCall } from './port.ts';

/** Two closes of one segment that the device signed, its owner's word for its key, and its open: whole messages. */
export interface DisputeEvidence {
  readonly oh: Uint8Array;
  readonly segment: number;
  readonly closeA: Uint8Array;
  readonly closeB: Uint8Array;
  readonly endorse: Uint8Array;
  readonly open: Uint8Array;
}

/** Tells the ledger of disputes, beside the way: each once, again until the ledger answers. */
export interface DisputeReporter {
  /** Returns at once. Closes that say the same are no dispute; the ledger would refuse them. */
  report(evidence: DisputeEvidence): void;
  stop(): void;
}

export interface DisputeReporterPorts {
  readonly ledger: Pick<Ledger, 'identity' | 'submit'>;
  /** A registered gateway, recipient or owner. */
  readonly signer: MessageSigner;
  readonly wall: Clock;
  readonly logger: Logger;
}

export function createDisputeReporter({ ledger, signer, wall, logger }: DisputeReporterPorts): DisputeReporter {
  const waiting = new Map<string, DisputeEvidence>();
  let isBusy = false;
  let isStopped = false;
  let counter = 0;
  let cancel = () => {};

  const submit = async ({ oh, segment, closeA, closeB, endorse, open }: DisputeEvidence) => {
    const { ledgerId } = await ledger.identity();
    const nowMs = Math.floor(wall.nowMs());
    // Milliseconds rise with every start, so the counter needs no file.
    counter = Math.max(counter + 1, nowMs);
    const call = ledgerCalls.reportDispute(oh, segment, closeA, closeB, signer.key, endorse, open);
    await submitCall(ledger, call, signAct(signer, ledgerId, call.fn, call.args, counter, nowMs));
  };
  /** True: nothing is left to do for this one. */
  const tell = async (name: string, evidence: DisputeEvidence): Promise<boolean> => {
    try {
      await submit(evidence);
      logger.warn({ dispute: name }, 'a dispute stands on the ledger');
      return true;
    } catch (error) {
      const code = error instanceof Failure ? error.code : 'unknown';
      if (code === 'dispute-known') return true;
      // Another act of this signer came between: the next one has a higher counter.
      const isFinal = error instanceof Failure && error.kind === 'refused' && code !== 'act-replayed';
      logger.warn({ code, dispute: name }, isFinal ? 'the ledger refused a dispute' : 'a dispute waits for the ledger');
      return isFinal;
    }
  };
  const run = async () => {
    if (isBusy || isStopped) return;
    isBusy = true;
    for (const [name, evidence] of [...waiting]) {
      if (isStopped) break;
      if (await tell(name, evidence)) waiting.delete(name);
    }
    isBusy = false;
    cancel();
    if (waiting.size > 0 && !isStopped) cancel = wall.after(DISPUTE_RETRY_MS, () => void run());
  };
  return {
    report(evidence) {
      const { closeA, closeB, oh, segment } = evidence;
      if (equalBytes(parseSigned(closeA, 'close').payload, parseSigned(closeB, 'close').payload)) return;
      const name = `${toHex(oh)}/${segment}`;
      if (waiting.has(name) || waiting.size >= MAX_WAITING_DISPUTES) return;
      waiting.set(name, evidence);
      void run();
    },
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
