import {
  createMerkleTree,
  deviceText,
  encodeItem,
  encodeProof,
  inclusionPath,
  logId,
  logLeaf,
  merkleRoot,
  type Proof,
  parseFrame,
  parseSigned,
  readingId,
  signBody,
} from '../src/mod.ts';
import { type Samples, TENANT } from './samples.ts';
import { T0_MS, type World } from './world.ts';

/** A complete bundle of the reading "heart rate in frame 3" of the samples, anchored two heads later. */
export function buildProof(w: World, s: Samples, change: Partial<Proof> = {}, seq = 3): Proof {
  const { crypto } = w;
  const title = [
    'frame, card',
    'frame, card of scope 2',
    'frame, data',
    'frame, waveform',
    'frame, one value',
    'frame, urgent',
  ];
  const frame = parseFrame(s.messages.get(title[seq - 1]!)!);
  const scope = s.frames[seq - 1]!.scope;
  const close = s.messages.get('close')!;
  const tree = createMerkleTree(crypto);
  tree.append(w.seed('entry 0'));
  tree.append(logLeaf(s.messages.get('open')!, crypto));
  tree.append(logLeaf(close, crypto));
  const small = tree.size;
  for (let i = 0; i < 4; i++) tree.append(w.seed(`later entry ${i}`));
  const head = (size: number, batch: number) =>
    signBody(
      'sth',
      {
        gateway: w.gateway.thumbprint,
        logId: logId(w.gateway.thumbprint, TENANT, crypto),
        size,
        root: tree.root(size),
        batch,
        previous: batch === 0 ? null : w.seed(`sth ${batch - 1}`),
        firstArrivalMs: T0_MS + 5001,
        lastArrivalMs: T0_MS + 9999,
      },
      w.gateway,
    );
  const sth = head(small, 0);
  const anchoredSth = head(tree.size, 1);
  const consistency = encodeItem([small, tree.size, tree.consistency(small)]);
  const tx = encodeItem(['AnchorTreeHead', [anchoredSth, consistency]]);
  const transactions = [w.seed('tx 0'), logLeaf(tx, crypto), w.seed('tx 2')];
  const block = signBody(
    'block',
    {
      ledger: w.ledger.thumbprint,
      height: 9,
      previous: w.seed('block 8'),
      timeMs: T0_MS + 20_000,
      root: merkleRoot(transactions, crypto),
      transactions: transactions.length,
    },
    w.ledger,
  );
  return {
    readingId: readingId(deviceText(parseSigned(s.messages.get('open')!, 'open').body.device), frame.eh, seq, 0),
    frame: frame.raw.slice(0, frame.untaggedLength),
    segmentPath: inclusionPath(s.leaves, seq - 1, crypto),
    close,
    open: s.messages.get('open')!,
    manifest: s.messages.get('manifest')!,
    endorse: s.messages.get('endorse')!,
    logInclusion: { size: small, index: 2, path: tree.inclusion(2, small) },
    sth,
    consistency: tree.consistency(small),
    anchoredSth,
    anchor: {
      blocks: [block],
      tx,
      inclusion: { size: transactions.length, index: 1, path: inclusionPath(transactions, 1, crypto) },
      signers: [w.ledger.key],
    },
    gatewayKey: w.gateway.key,
    disclosure: { scope, segment: 0, sk: s.segmentKeys.get(scope)!.secret, card: s.cards.get(scope)! },
    ...change,
  };
}

export const buildBundle = (w: World, s: Samples, change: Partial<Proof> = {}, seq = 3): Uint8Array =>
  encodeProof(buildProof(w, s, change, seq));
