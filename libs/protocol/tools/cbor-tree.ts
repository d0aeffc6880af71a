/**
 * A plain CBOR tree for making wrong spellings of right messages. It shares no line with the product's codec, so that an
 * error there cannot hide itself here.
 */
export interface TreeNode {
  readonly major: number;
  /** The head's argument; for major 7 the low five bits. */
  readonly value: number;
  readonly body: Uint8Array;
  readonly items: TreeNode[];
  /** The tree inside a byte string that holds CBOR of its own. */
  embedded?: TreeNode;
  override?: Uint8Array;
}

const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const p of parts) {
    out.set(p, at);
    at += p.length;
  }
  return out;
};

/** A head with `width` argument bytes (0: inside the first byte). */
export function headOf(major: number, value: number, width: 0 | 1 | 2 | 4 | 8): Uint8Array {
  const out = new Uint8Array(1 + width);
  out[0] = (major << 5) | (width === 0 ? value : 24 + Math.log2(width));
  for (let i = width, rest = value; i > 0; i--, rest = Math.floor(rest / 256)) out[i] = rest % 256;
  return out;
}

const leastWidth = (v: number): 0 | 1 | 2 | 4 | 8 =>
  v < 24 ? 0 : v < 2 ** 8 ? 1 : v < 2 ** 16 ? 2 : v < 2 ** 32 ? 4 : 8;

function read(b: Uint8Array, from: number): [TreeNode, number] {
  const major = b[from]! >> 5;
  const info = b[from]! & 31;
  let at = from + 1;
  let value = info;
  if (info >= 24) {
    const width = 1 << (info - 24);
    value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + b[at + i]!;
    at += width;
  }
  const items: TreeNode[] = [];
  let body = new Uint8Array(0);
  if (major === 2 || major === 3) {
    body = b.slice(at, at + value);
    at += value;
  }
  const count = major === 4 ? value : major === 5 ? 2 * value : major === 6 ? 1 : 0;
  for (let i = 0; i < count; i++) {
    const [item, next] = read(b, at);
    items.push(item);
    at = next;
  }
  return [{ major, value, body, items }, at];
}

export function treeOfBytes(bytes: Uint8Array): TreeNode {
  const [node, end] = read(bytes, 0);
  if (end !== bytes.length) throw new RangeError('bytes follow the item');
  return node;
}

export function print(node: TreeNode): Uint8Array {
  if (node.override !== undefined) return node.override;
  if (node.major === 7) return new Uint8Array([0xe0 | node.value]);
  if (node.major === 2 || node.major === 3) {
    const body = node.embedded === undefined ? node.body : print(node.embedded);
    return join([headOf(node.major, body.length, leastWidth(body.length)), body]);
  }
  return join([headOf(node.major, node.value, leastWidth(node.value)), ...node.items.map(print)]);
}

export type Spelling =
  | 'wide'
  | 'indefinite'
  | 'swapped'
  | 'duplicate'
  | 'unknown-field'
  | 'float'
  | 'true'
  | 'undefined'
  | 'tagged'
  | 'bignum';

/** Every single wrong spelling of the tree below `root`. */
export function* misspellings(root: TreeNode): Generator<{ readonly spelling: Spelling; readonly bytes: Uint8Array }> {
  function* at(node: TreeNode): Generator<{ readonly spelling: Spelling; readonly bytes: Uint8Array }> {
    const say = (spelling: Spelling, override: Uint8Array) => {
      node.override = override;
      const bytes = print(root);
      delete node.override;
      return { spelling, bytes };
    };
    const own = print(node);
    const content = own.subarray(1 + leastWidth(argument(node)));
    if (node.major !== 7)
      for (const width of [1, 2, 4, 8] as const)
        if (width > leastWidth(argument(node)))
          yield say('wide', join([headOf(node.major, argument(node), width), content]));
    const close = new Uint8Array([0xff]);
    if (node.major === 2 || node.major === 3)
      yield say('indefinite', join([new Uint8Array([(node.major << 5) | 31]), own, close]));
    if (node.major === 4 || node.major === 5)
      yield say('indefinite', join([new Uint8Array([(node.major << 5) | 31]), content, close]));
    if (node.major === 5) {
      const pairs: Uint8Array[] = [];
      for (let i = 0; i < node.items.length; i += 2)
        pairs.push(join([print(node.items[i]!), print(node.items[i + 1]!)]));
      const map = (list: readonly Uint8Array[]) => join([headOf(5, list.length, leastWidth(list.length)), ...list]);
      for (let i = 0; i + 1 < pairs.length; i++)
        yield say('swapped', map([...pairs.slice(0, i), pairs[i + 1]!, pairs[i]!, ...pairs.slice(i + 2)]));
      for (let i = 0; i < pairs.length; i++)
        yield say('duplicate', map([...pairs.slice(0, i + 1), pairs[i]!, ...pairs.slice(i + 1)]));
      yield say('unknown-field', map([...pairs, new Uint8Array([0x3b, 0, 1, 0, 0, 0, 0, 0, 0, 0])]));
      yield say('unknown-field', map([new Uint8Array([0, 0]), ...pairs]));
    }
    yield say('float', new Uint8Array([0xf9, 0, 0]));
    yield say('true', new Uint8Array([0xf5]));
    yield say('undefined', new Uint8Array([0xf7]));
    yield say('tagged', join([new Uint8Array([0xc1]), own]));
    yield say('bignum', new Uint8Array([0xc2, 0x41, 1]));
    for (const item of node.items) yield* at(item);
    if (node.embedded !== undefined) yield* at(node.embedded);
  }
  yield* at(root);
}

function argument(node: TreeNode): number {
  if (node.embedded !== undefined && node.override === undefined) return print(node.embedded).length;
  return node.major === 2 || node.major === 3 ? node.body.length : node.value;
}

/** Marks the byte strings whose CBOR the product parses with the message itself. */
export function descend(root: TreeNode, kind: 'signed' | 'ctl' | 'wrap' | 'receipt' | 'other'): TreeNode {
  const into = (node: TreeNode | undefined) => {
    if (node?.major === 2) node.embedded = treeOfBytes(node.body);
  };
  if (kind === 'signed') {
    into(root.items[0]!.items[0]);
    into(root.items[0]!.items[2]);
  } else if (kind === 'ctl') into(root.items[3]);
  else if (kind === 'wrap') into(root.items[0]);
  else if (kind === 'receipt') {
    into(root.items[0]!.items[0]);
    into(root.items[0]!.items[1]!.items[1]!.items[1]!.items[0]);
  }
  return root;
}
