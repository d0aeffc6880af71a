/** Unsigned LEB128 numbers below 2^53 in a growing buffer. */
export interface VarintWriter {
  put(value: number): void;
  /** Signed, zigzag. */
  putSigned(value: number): void;
  readonly length: number;
  bytes(): Uint8Array;
}

export function createVarintWriter(initialBytes = 32): VarintWriter {
  let buffer = new Uint8Array(initialBytes);
  let length = 0;
  const put = (value: number) => {
    if (length + 8 > buffer.length) {
      const larger = new Uint8Array(buffer.length * 2);
      larger.set(buffer);
      buffer = larger;
    }
    let rest = value;
    while (rest >= 0x80) {
      buffer[length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    buffer[length++] = rest;
  };
  return {
    put,
    putSigned: (value) => put(value < 0 ? -2 * value - 1 : 2 * value),
    get length() {
      return length;
    },
    bytes: () => buffer.subarray(0, length),
  };
}

export interface VarintReader {
  next(): number;
  nextSigned(): number;
  readonly isAtEnd: boolean;
}

export function createVarintReader(bytes: Uint8Array): VarintReader {
  let at = 0;
  const next = () => {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  };
  return {
    next,
    nextSigned() {
      const value = next();
      return value % 2 === 1 ? -(value + 1) / 2 : value / 2;
    },
    get isAtEnd() {
      return at >= bytes.length;
    },
  };
}
