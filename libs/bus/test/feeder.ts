// A publisher process: numbers messages on from its last mark until it is killed.
import { openEmbeddedPublisher } from '../src/mod.ts';

const publisher = await openEmbeddedPublisher({ dir: process.argv[2]!, segmentBytes: 1024 * 1024 });
let number = publisher.lastUpstreamPosition() ?? 0;
process.stdout.write('ready\n');
while (true) {
  const items = Array.from({ length: 1 + (number % 7) }, (_, i) => ({
    topic: 't',
    body: new TextEncoder().encode(`${number + i + 1}`),
  }));
  number += items.length;
  await publisher.publishMany(items, { durable: number % 3 === 0, upstreamPosition: number });
  if (number % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
}
