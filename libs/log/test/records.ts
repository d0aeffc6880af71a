export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** A record of `length` bytes that says its number. */
export function numbered(i: number, length = 40): Uint8Array {
  const record = new Uint8Array(length).fill(i);
  record.set(bytes(`${i};`).subarray(0, length));
  return record;
}
