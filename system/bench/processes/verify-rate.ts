import { createNativeCrypto } from '@pulseseal/crypto';
import { createSystemRandom } from '@pulseseal/runtime';
import { serve } from '../lib/serve.ts';

/** A0: bare ML-DSA-65 verifications a second, one core, a message of 256 bytes, a prepared key. */
const crypto = createNativeCrypto();
const random = createSystemRandom();
const pair = crypto.signatureKeyPair('ML-DSA-65', random.bytes(32));
const message = random.bytes(256);
const signature = crypto.prepareSigner('ML-DSA-65', pair.secretSeed).sign(message);
const verifier = crypto.prepareVerifier('ML-DSA-65', pair.publicKey);
serve({
  rate(durationMs: number): { readonly perS: number; readonly perCpuS: number } {
    let count = 0;
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    while (performance.now() - startMs < durationMs) {
      for (let i = 0; i < 50; i++, count++)
        if (!verifier.verify(message, signature)) throw new Error('a right signature was refused');
    }
    const used = process.cpuUsage(cpu);
    return {
      perS: (count * 1000) / (performance.now() - startMs),
      perCpuS: (count * 1e6) / (used.user + used.system),
    };
  },
});
