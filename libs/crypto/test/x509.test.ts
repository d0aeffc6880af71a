import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type SecureVersion } from 'node:tls';
import { type SelfSignedSettings, selfSignedCertificate, signatureAlgorithms } from '@pulseseal/crypto';
import { describe, expect, test } from 'vitest';
import { flipBit } from './vectors.ts';

const settings: SelfSignedSettings = {
  algorithm: 'ML-DSA-65',
  seed: new Uint8Array(32).fill(0x31),
  subject: 'gateway.test',
  notBeforeMs: Date.UTC(2020, 0, 1),
  notAfterMs: Date.UTC(2060, 0, 1),
  subjectAltNames: ['localhost', '127.0.0.1', '::1', '2001:db8::a:1'],
  serial: Uint8Array.of(0x80, 1, 2, 3),
};
const own = selfSignedCertificate(settings);
const tls13: SecureVersion = 'TLSv1.3';

/** One handshake against a server that accepts the hybrid group alone. */
async function handshake(client: { readonly ecdhCurve: string; readonly ca: string }): Promise<string> {
  const { certificatePem, privateKeyPem } = own;
  const server = createServer({
    cert: certificatePem,
    key: privateKeyPem,
    minVersion: tls13,
    ecdhCurve: 'X25519MLKEM768',
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost', minVersion: tls13, ...client });
  try {
    await once(socket, 'secureConnect');
    const key = socket.getEphemeralKeyInfo();
    return `${socket.authorized} ${socket.getProtocol()} ${key !== null && 'name' in key ? key.name : ''}`;
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'failed';
  } finally {
    socket.destroy();
    server.close();
    await once(server, 'close');
  }
}

describe('self-signed certificate', () => {
  test.each(['ML-DSA-44', 'ML-DSA-65'] as const)('%s: is read and verified by the platform', (algorithm) => {
    const { certificatePem, spki } = selfSignedCertificate({ ...settings, algorithm });
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe('CN=gateway.test');
    expect(certificate.issuer).toBe('CN=gateway.test');
    expect(certificate.serialNumber).toBe('80010203');
    expect(certificate.ca).toBe(false);
    expect(certificate.validFromDate.getTime()).toBe(settings.notBeforeMs);
    expect(certificate.validToDate.getTime()).toBe(settings.notAfterMs);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkHost('elsewhere.test')).toBeUndefined();
    for (const address of ['127.0.0.1', '::1', '2001:db8::a:1']) expect(certificate.checkIP(address)).toBe(address);
    expect(certificate.checkIP('127.0.0.2')).toBeUndefined();
    expect(new Uint8Array(certificate.publicKey.export({ format: 'der', type: 'spki' }))).toEqual(spki);
    expect(spki.length).toBeGreaterThan(signatureAlgorithms[algorithm].publicKeyBytes);
  });

  test('an altered certificate no longer verifies', () => {
    const { certificatePem, spki } = selfSignedCertificate(settings);
    const der = new Uint8Array(new X509Certificate(certificatePem).raw);
    const intact = new X509Certificate(certificatePem).publicKey;
    expect(spki.length).toBeGreaterThan(0);
    // The last bytes belong to the signature, so the form stays readable.
    for (const back of [1, 100, 3000]) {
      const altered = new X509Certificate(flipBit(der, (der.length - back) * 8));
      expect(altered.verify(intact)).toBe(false);
    }
  });

  test('settings out of bounds are refused by name', () => {
    const refused = (change: Partial<SelfSignedSettings>) => () => selfSignedCertificate({ ...settings, ...change });
    expect(refused({ subject: '' })).toThrow('subject');
    expect(refused({ subject: 'x'.repeat(65) })).toThrow('subject');
    expect(refused({ serial: new Uint8Array(0) })).toThrow('serial');
    expect(refused({ serial: new Uint8Array(8) })).toThrow('serial');
    expect(refused({ serial: new Uint8Array(20).fill(0x80) })).toThrow('serial');
    expect(refused({ subjectAltNames: [] })).toThrow('subjectAltNames');
    expect(refused({ subjectAltNames: ['b\u00fccher.test'] })).toThrow('subjectAltNames');
    expect(refused({ subjectAltNames: ['fe80::1%eth0'] })).toThrow('IPv6');
    expect(refused({ notAfterMs: settings.notBeforeMs })).toThrow('notBeforeMs');
    expect(refused({ seed: new Uint8Array(31) })).toThrow('seed');
  });

  test('a TLS 1.3 server that accepts X25519MLKEM768 alone takes a client that offers it', async () => {
    expect(await handshake({ ecdhCurve: 'X25519MLKEM768', ca: own.certificatePem })).toBe(
      'true TLSv1.3 X25519MLKEM768',
    );
    expect(await handshake({ ecdhCurve: 'X25519:X25519MLKEM768', ca: own.certificatePem })).toBe(
      'true TLSv1.3 X25519MLKEM768',
    );
  });

  test('and refuses one that offers X25519 alone', async () => {
    expect(await handshake({ ecdhCurve: 'X25519', ca: own.certificatePem })).toBe(
      'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE',
    );
  });

  test('a client that trusts another certificate refuses the server', async () => {
    const other = selfSignedCertificate({ ...settings, seed: new Uint8Array(32).fill(0x32) });
    expect(await handshake({ ecdhCurve: 'X25519MLKEM768', ca: other.certificatePem })).toMatch(/CERT/);
  });
});
