import { createServer as createNetServer, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { createMemoryKeyStore } from '@pulseseal/crypto';
import { loadTls } from '@pulseseal/edge-gateway';
import { createSystemClock, createSystemRandom } from '@pulseseal/runtime';
import { Aedes } from 'aedes';
import { collect } from '../lib/collect.ts';
import { serve } from '../lib/serve.ts';

/** The other side of the ratios: aedes with `concurrency: 0` and an async hook that does nothing. */
const broker = await Aedes.createBroker({
  concurrency: 0,
  authorizePublish: (_client, _packet, done) => void setImmediate(done, null),
});
const attach = (socket: Socket) => {
  socket.on('error', () => {});
  socket.setNoDelay(true);
  broker.handle(socket);
};
serve({
  async start({
    isTls,
    host = '127.0.0.1',
  }: {
    readonly isTls: boolean;
    readonly host?: string;
  }): Promise<{ port: number }> {
    const clock = createSystemClock();
    const tls = isTls
      ? await loadTls(createMemoryKeyStore(clock), createSystemRandom(), clock, ['localhost'])
      : undefined;
    const server =
      tls === undefined
        ? createNetServer(attach)
        : createTlsServer(
            { key: tls.privateKeyPem, cert: tls.certificatePem, minVersion: 'TLSv1.3', ecdhCurve: 'X25519MLKEM768' },
            attach,
          );
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, host, 4_096, resolve));
    const address = server.address();
    return { port: typeof address === 'object' && address !== null ? address.port : 0 };
  },
  memory() {
    collect();
    return process.memoryUsage();
  },
});
