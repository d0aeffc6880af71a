import { type CoseKey, parseCoseKey, Refusal } from '@pulseseal/protocol';
import type { ContractCall, ContractContext } from './context.ts';
import { ContractRefusal, requireThat } from './failures.ts';
import { MAX_ARGUMENT_BYTES, MAX_ARGUMENTS, MAX_TRANSIENT_BYTES } from './limits.ts';

const total = (items: readonly Uint8Array[]) => items.reduce((sum, item) => sum + item.length, 0);

/** Bounds of every call, before anything is parsed. */
export function checkSizes(call: ContractCall, transient: readonly Uint8Array[]): void {
  requireThat(call.args.length <= MAX_ARGUMENTS && transient.length <= MAX_ARGUMENTS, 'argument-count');
  requireThat(total(call.args) <= MAX_ARGUMENT_BYTES, 'argument-too-large', 'arguments');
  requireThat(total(transient) <= MAX_TRANSIENT_BYTES, 'argument-too-large', 'side inputs');
}

/** Exactly so many arguments of these lengths (undefined = any), and exactly so many side inputs. */
export function takeArguments<const L extends readonly (number | undefined)[]>(
  ctx: ContractContext,
  call: ContractCall,
  lengths: L,
  transientCount: number,
): { [K in keyof L]: Uint8Array } {
  requireThat(call.args.length === lengths.length, 'argument-count', `${lengths.length} arguments expected`);
  requireThat(ctx.transient.length === transientCount, 'argument-count', `${transientCount} side inputs expected`);
  call.args.forEach((argument, i) => {
    const length = lengths[i];
    requireThat(
      length === undefined || argument.length === length,
      'argument-malformed',
      `argument ${i} must have ${length} bytes`,
    );
  });
  return [...call.args] as { [K in keyof L]: Uint8Array };
}

/** Runs a parser of the wire and gives its refusal this contract's name. */
export function parsed<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof Refusal) throw new ContractRefusal('argument-malformed', `${what}: ${error.refusal}`);
    throw error;
  }
}

/** A key of the roles that sign for years: owner, operator, gateway and recipient are ML-DSA-65 (protocol 4). */
export function takeKey(what: string, bytes: Uint8Array): CoseKey {
  const key = parsed(what, () => parseCoseKey(bytes));
  requireThat(key.algorithm === 'ML-DSA-65', 'key-refused', what);
  return key;
}

/** 8 bytes big-endian -> a number of the protocol's range. */
export function takeUint(what: string, bytes: Uint8Array): number {
  const value = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0));
  requireThat(Number.isSafeInteger(value), 'argument-malformed', `${what} is out of range`);
  return value;
}

/** 8 bytes big-endian. @throws RangeError outside 0 .. 2^53 - 1. */
export function uintBytes(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned integer: ${value}`);
  const out = new Uint8Array(8);
  new DataView(out.buffer).setBigUint64(0, BigInt(value));
  return out;
}
