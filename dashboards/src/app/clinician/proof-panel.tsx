import type { ProofVerdict, ReadingId, TrustAnchors } from '@pulseseal/protocol';
import { useCallback, useEffect, useRef, useState } from 'react';
import { fullTimeText } from '../format/age.ts';
import { disclosedText } from '../proof/disclosed.ts';
import { fingerprintLines, parseTrust } from '../proof/trust.ts';
import { verifyInBrowser } from '../proof/verify.ts';
import { settings } from '../settings.ts';
import { useApp } from '../store/context.ts';

type Step =
  | { readonly kind: 'working'; readonly words: string }
  | { readonly kind: 'failed'; readonly words: string }
  | { readonly kind: 'done'; readonly verdict: ProofVerdict; readonly sizeBytes: number; readonly tookMs: number };

/** Fetches the proof of one reading and checks it here, line by line. */
export function ProofPanel(props: { readonly reading: ReadingId; readonly close: () => void }) {
  const { reading } = props;
  const { ports, session } = useApp();
  const [step, setStep] = useState<Step>({ kind: 'working', words: 'Fetching the proof …' });
  const [trust, setTrust] = useState<TrustAnchors | undefined>();
  const [trustNote, setTrustNote] = useState<string | null>(null);
  const [bundle, setBundle] = useState<Uint8Array | null>(null);
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    title.current?.focus();
    title.current?.scrollIntoView({ block: 'start' });
  }, []);

  useEffect(() => {
    let stopped = false;
    let again: ReturnType<typeof setTimeout> | undefined;
    const ask = async () => {
      const result = await fetchProof(ports, session.token, reading);
      if (stopped) return;
      if (result === 'not-yet') {
        setStep({ kind: 'working', words: notYetWords });
        again = setTimeout(() => void ask(), settings.proofAgainMs);
      } else if (typeof result === 'string') setStep({ kind: 'failed', words: result });
      else setBundle(result);
    };
    void ask();
    return () => {
      stopped = true;
      clearTimeout(again);
    };
  }, [ports, session, reading]);

  useEffect(() => {
    if (bundle === null) return;
    let stopped = false;
    setStep({ kind: 'working', words: 'Checking in this browser …' });
    const startMs = ports.monotonicMs();
    verifyInBrowser(bundle, trust).then(
      (verdict) => {
        if (!stopped)
          setStep({ kind: 'done', verdict, sizeBytes: bundle.length, tookMs: ports.monotonicMs() - startMs });
      },
      (reason: unknown) => {
        const words = reason instanceof Error ? reason.message : 'unreadable';
        if (!stopped) setStep({ kind: 'failed', words: `The proof was refused: ${words}` });
      },
    );
    return () => {
      stopped = true;
    };
  }, [bundle, trust, ports]);

  const readTrust = useCallback(async (file: File | undefined) => {
    if (file === undefined) return;
    const anchors = file.size > settings.maxTrustFileBytes ? undefined : parseTrust(await file.text());
    setTrustNote(anchors === undefined ? 'This file holds no trust anchors.' : `Anchors from ${file.name}`);
    setTrust(anchors);
  }, []);

  return (
    <section className="proof" aria-labelledby="proof-title">
      <header className="proof-head">
        <h3 id="proof-title" ref={title} tabIndex={-1}>
          Proof of one reading
        </h3>
        <button type="button" className="link" onClick={props.close}>
          Close proof
        </button>
      </header>
      <code className="proof-id">{reading}</code>
      <div aria-live="polite">
        {step.kind === 'working' && <p>{step.words}</p>}
        {step.kind === 'failed' && <p className="notice">{step.words}</p>}
        {step.kind === 'done' && <VerdictView {...step} />}
      </div>
      <label className="proof-trust">
        Pin with trust anchors
        <input
          type="file"
          accept=".json,application/json"
          onChange={(event) => void readTrust(event.target.files?.[0])}
        />
      </label>
      {trustNote !== null && (
        <p className="hint" role="status">
          {trustNote}
        </p>
      )}
      <p className="proof-warning">
        <strong>Before you pass this proof on:</strong> the key it discloses opens every reading of the same segment and
        scope (about a minute of this sensor), not only this one.
      </p>
    </section>
  );
}

function VerdictView(props: { readonly verdict: ProofVerdict; readonly sizeBytes: number; readonly tookMs: number }) {
  const { verdict } = props;
  const holds = verdict.holds;
  const reading = verdict.reading === undefined ? undefined : disclosedText(verdict.reading);
  return (
    <>
      <p className="proof-verdict" data-holds={holds}>
        <Tick ok={holds} /> {holds ? 'Every check holds' : 'This proof does not hold'}
        <span className="proof-pinned" data-pinned={verdict.pinned}>
          {verdict.pinned ? 'pinned to your anchors' : 'not pinned: compare the fingerprints'}
        </span>
      </p>
      {verdict.reading !== undefined && reading !== undefined && (
        <p className="proof-reading">
          {reading.value} <span className="vital-unit">{reading.unit}</span>
          <span>
            {' '}
            {reading.name}, measured {fullTimeText(verdict.reading.atMs)}
          </span>
        </p>
      )}
      <ul className="proof-checks">
        {verdict.checks.map((check) => (
          <li key={check.name} data-ok={check.ok}>
            <Tick ok={check.ok} />
            <strong>{check.name}</strong> <span>{check.detail}</span>
          </li>
        ))}
      </ul>
      <dl className="proof-prints">
        {fingerprintLines(verdict.fingerprints).map(([name, print]) => (
          <div key={name + print}>
            <dt>{name}</dt>
            <dd>
              <code>{print}</code>
            </dd>
          </div>
        ))}
      </dl>
      <p className="hint">
        {(props.sizeBytes / 1000).toFixed(1)} kB checked in {Math.round(props.tookMs)} ms by this page alone.
      </p>
    </>
  );
}

function Tick(props: { readonly ok: boolean }) {
  return (
    <svg viewBox="0 0 16 16" className="tick" data-ok={props.ok} role="img" aria-label={props.ok ? 'holds' : 'fails'}>
      {props.ok ? <path d="M2.5 8.5 6.5 12.5 13.5 4" /> : <path d="M3.5 3.5 12.5 12.5M12.5 3.5 3.5 12.5" />}
    </svg>
  );
}

const notYetWords =
  'There is no proof yet: the device signs its readings about once a minute, and the ledger takes them some seconds later. This asks again by itself.';

async function fetchProof(
  ports: ReturnType<typeof useApp>['ports'],
  token: string,
  reading: ReadingId,
): Promise<Uint8Array | string> {
  try {
    const reply = await ports.request(`/api/readings/${encodeURIComponent(reading)}/proof`, { token });
    if (reply.status === 200 && reply.bytes.length <= settings.maxProofBytes) return reply.bytes;
    if (reply.status === 404 || reply.status === 409) return 'not-yet';
    return `The server gave no proof (${reply.status}).`;
  } catch {
    return 'The server does not answer.';
  }
}
