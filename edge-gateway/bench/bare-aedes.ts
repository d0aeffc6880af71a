import { createServer } from 'node:net';
import { Aedes } from 'aedes';

/** The other side of the ratio: aedes with `concurrency: 0` and an async hook that does nothing. */
const broker = await Aedes.createBroker({
  concurrency: 0,
  authorizePublish: (_client, _packet, done) => void setImmediate(done, null),
});
const server = createServer((socket) => {
  socket.on('error', () => {});
  broker.handle(socket);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : 0 });
});
process.on('message', () => {
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  process.send?.({ rssBytes: rss, heapBytes: heapUsed, bufferBytes: arrayBuffers });
});
process.on('disconnect', () => process.exit(0));
