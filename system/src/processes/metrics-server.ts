import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from '@pulseseal/runtime';

export interface MetricsServer {
  readonly url: string;
  close(): Promise<void>;
}

/** `/metrics` and `/healthz` of one zone, on loopback: counts and levels, no pseudonyms. Port 0 = any free one. */
export async function serveMetrics(metrics: Metrics, port: number): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || (request.url !== '/metrics' && request.url !== '/healthz')) {
      response.writeHead(404).end();
      return;
    }
    const body = request.url === '/healthz' ? Promise.resolve('ok\n') : metrics.text();
    body.then(
      (text) => response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  server.maxConnections = 32;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
}
