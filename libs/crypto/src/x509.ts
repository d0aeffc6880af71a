import { createPublicKey, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { concat, utf8 } from './bytes.ts';
import * as der from './der.ts';
import { maxAltNames, maxCommonNameCharacters, maxSerialBytes } from './limits.ts';
import { nativeSigningKey } from './native-signature.ts';

export interface SelfSignedSettings {
  readonly algorithm: 'ML-DSA-44' | 'ML-DSA-65';
  readonly seed: Uint8Array;
  /** Common name, 1 to 64 characters. */
  readonly subject: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** DNS names (ASCII) and IP addresses, told apart by their form. */
  readonly subjectAltNames: readonly string[];
  /** 1 to 20 bytes, not all zero; taken as a positive number. */
  readonly serial: Uint8Array;
}

export interface SelfSignedCertificate {
  readonly certificatePem: string;
  /** PKCS #8 in seed form. A secret. */
  readonly privateKeyPem: string;
  /** SubjectPublicKeyInfo in DER: what a client pins. */
  readonly spki: Uint8Array;
}

/** RFC 9881: ML-DSA in certificates, parameters absent. */
const signatureOid = { 'ML-DSA-44': '2.16.840.1.101.3.4.3.17', 'ML-DSA-65': '2.16.840.1.101.3.4.3.18' } as const;
const commonName = '2.5.4.3';
const subjectAltName = '2.5.29.17';
const basicConstraints = '2.5.29.19';
const keyUsage = '2.5.29.15';
const extendedKeyUsage = '2.5.29.37';
const serverAuth = '1.3.6.1.5.5.7.3.1';
const dnsName = 2;
const ipAddress = 7;

/**
 * A self-signed version 3 certificate for a TLS 1.3 server (RFC 5280). Node can read such certificates but not make them.
 * Signing is hedged, so each call gives another certificate: make one, keep it, and give clients that one to trust.
 * @throws RangeError naming the setting that is out of bounds.
 */
export function selfSignedCertificate(settings: SelfSignedSettings): SelfSignedCertificate {
  requireSettings(settings);
  const privateKey = nativeSigningKey(settings.algorithm, settings.seed);
  const spki = Uint8Array.from(createPublicKey(privateKey).export({ format: 'der', type: 'spki' }));
  const algorithm = der.sequence(der.oid(signatureOid[settings.algorithm]));
  const name = der.sequence(der.set(der.sequence(der.oid(commonName), der.text(settings.subject))));
  const toBeSigned = der.sequence(
    der.explicit(0, der.unsignedInteger(Uint8Array.of(2))),
    der.unsignedInteger(settings.serial),
    algorithm,
    name,
    der.sequence(der.time(settings.notBeforeMs), der.time(settings.notAfterMs)),
    name,
    spki,
    der.explicit(3, der.sequence(...extensions(settings.subjectAltNames))),
  );
  const signature = sign(null, toBeSigned, privateKey);
  const certificate = der.sequence(toBeSigned, algorithm, der.bits(signature));
  return {
    certificatePem: pem('CERTIFICATE', certificate),
    privateKeyPem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    spki,
  };
}

function requireSettings(settings: SelfSignedSettings): void {
  const { subject, serial, subjectAltNames, notBeforeMs, notAfterMs } = settings;
  if (subject.length < 1 || subject.length > maxCommonNameCharacters)
    throw new RangeError(`subject must have 1 to ${maxCommonNameCharacters} characters`);
  // A first byte from 0x80 on costs one more byte in DER, which must not pass the bound.
  const serialBytes = serial.length + (serial[0]! >= 0x80 ? 1 : 0);
  if (serial.length < 1 || serialBytes > maxSerialBytes || serial.every((byte) => byte === 0))
    throw new RangeError(`serial must be a positive number of at most ${maxSerialBytes} bytes in DER`);
  if (subjectAltNames.length < 1 || subjectAltNames.length > maxAltNames)
    throw new RangeError(`subjectAltNames must have 1 to ${maxAltNames} names`);
  if (!(notBeforeMs < notAfterMs)) throw new RangeError('notBeforeMs must be before notAfterMs');
}

function extensions(names: readonly string[]): readonly Uint8Array[] {
  const extension = (id: string, critical: boolean, value: Uint8Array): Uint8Array =>
    der.sequence(der.oid(id), ...(critical ? [der.boolean(true)] : []), der.octets(value));
  return [
    extension(subjectAltName, false, der.sequence(...names.map(generalName))),
    extension(basicConstraints, true, der.sequence()),
    // digitalSignature: bit 0.
    extension(keyUsage, true, der.bits(Uint8Array.of(0x80), 7)),
    extension(extendedKeyUsage, false, der.sequence(der.oid(serverAuth))),
  ];
}

function generalName(name: string): Uint8Array {
  const family = isIP(name);
  if (family === 4) return der.implicit(ipAddress, Uint8Array.from(name.split('.').map(Number)));
  if (family === 6) return der.implicit(ipAddress, ipv6Bytes(name));
  if (!/^(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(name))
    throw new RangeError('subjectAltNames must be ASCII DNS names or IP addresses');
  return der.implicit(dnsName, utf8(name));
}

/** The 16 bytes of an address that `isIP` accepted. Zones and embedded IPv4 are refused. */
function ipv6Bytes(address: string): Uint8Array {
  if (/[%.]/.test(address)) throw new RangeError('write IPv6 addresses in hexadecimal groups without a zone');
  const [head = '', tail] = address.split('::');
  const groups = (side: string): string[] => (side === '' ? [] : side.split(':'));
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const all = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return concat(
    ...all.map((group) => {
      const value = Number.parseInt(group, 16);
      return Uint8Array.of(value >> 8, value & 0xff);
    }),
  );
}

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
