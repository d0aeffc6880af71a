import { connect } from 'node:net';
import { generate } from 'mqtt-packet';
import { expect, it } from 'vitest';
import { createAedesBroker } from '../src/mod.ts';
import type { BrokerHandlers, Session } from '../src/ports.ts';
import { until } from './world.ts';

it('tells the end of a session whose socket closed while its login was checked', async () => {
  const identity = 'A'.repeat(22);
  const logins: ((session: Session) => void)[] = [];
  const ended: Session[] = [];
  const handlers: BrokerHandlers = {
    admitConnection: () => true,
    login: () => new Promise((resolve) => logins.push(resolve)),
    publish: (_session, _packet, done) => done('drop'),
    mayWill: () => false,
    maySubscribe: () => false,
    subscribed: () => {},
    gone: (session) => void ended.push(session),
    refused: () => {},
  };
  const limits = { maxConnections: 10, connectTimeoutMs: 2_000, keepaliveLimitS: 300 };
  const broker = createAedesBroker({ host: '127.0.0.1', plainPort: 0, limits });
  const { plainPort } = await broker.start(handlers);
  try {
    const socket = connect(plainPort!, '127.0.0.1');
    socket.on('error', () => {});
    const protocol = { protocolId: 'MQTT', protocolVersion: 4, clean: true, keepalive: 60 } as const;
    socket.write(generate({ cmd: 'connect', ...protocol, clientId: identity, username: 'x', password: Buffer.of(1) }));
    await until(() => logins.length === 1);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.resetAndDestroy();
    await closed;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const session = { identity };
    logins[0]!(session);
    await until(() => ended.length > 0);
    expect(ended).toEqual([session]);
    expect(broker.connections).toBe(0);
  } finally {
    await broker.stop();
  }
});
