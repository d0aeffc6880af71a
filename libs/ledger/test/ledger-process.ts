// Serves the ledger in the folder argv[2] with fixed test keys and prints its address, until it is killed.
import { createSilentLogger, createSystemRandom } from '@pulseseal/runtime';
import { ledgerCertificate, serveLedger } from '../src/mod.ts';
import { clock, crypto, openLocal } from './ground.ts';

const ledger = await openLocal(process.argv[2]!);
const certificate = ledgerCertificate(new Uint8Array(32).fill(0x77), createSystemRandom(), clock, crypto);
const server = await serveLedger({ ledger, certificate, clock, logger: createSilentLogger() });
process.stdout.write(`${JSON.stringify({ url: server.url, spki: Buffer.from(server.spkiHash).toString('hex') })}\n`);
