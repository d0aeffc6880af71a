import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@pulseseal/runtime';
import { type WebSocket, WebSocketServer } from 'ws';
import type { LiveClient, LiveHub } from '../live-hub.ts';
import type { Sessions } from '../sessions.ts';

const protocolPrefix = 'pulseseal.';

/** A client has nothing to say but pings and whose ECG it wants. */
const maxClientMessageBytes = 1024;

/** Every client is asked so often whether it is still there; one that said nothing since the last time is cut. */
export const pingPeriodMs = 30_000;

const closeCodes = { 'too-slow': 1013, expired: 4401, stopping: 1001 } as const;

/** `WS /api/live?wave=<patient>` on an HTTP server; the token comes as subprotocol `pulseseal.<token>`. Answers how to stop. */
export function attachLive(server: Server, hub: LiveHub, sessions: Sessions, wall: Clock): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: maxClientMessageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => [...offered].find((name) => name.startsWith(protocolPrefix)) ?? false,
  });
  // A half-open connection never ends by itself, and would hold its place in the hub for good.
  const asked = new Set<WebSocket>();
  const stopPings = wall.every(pingPeriodMs, () => {
    for (const ws of sockets.clients) {
      if (asked.has(ws)) {
        ws.terminate();
        continue;
      }
      asked.add(ws);
      ws.ping();
    }
  });
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    // Not `new URL`: the line comes from anybody and may be no address at all.
    const [path, ...query] = (request.url ?? '').split('?');
    if (path !== '/api/live') {
      refuse(socket, '404 Not Found');
      return;
    }
    if (!isSameOrigin(request)) {
      refuse(socket, '403 Forbidden');
      return;
    }
    const token = tokenOf(request);
    const viewer = token === undefined ? undefined : sessions.viewer(token);
    if (token === undefined || viewer === undefined) {
      refuse(socket, '401 Unauthorized');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (ws) => {
      let wave = new URLSearchParams(query.join('?')).get('wave');
      const client: LiveClient = {
        session: token,
        viewer,
        get wave() {
          return wave;
        },
        bufferedBytes: () => ws.bufferedAmount,
        send: (text) => ws.send(text, () => {}),
        // A client that lags does not read a close frame either: it is cut.
        close: (reason) => (reason === 'too-slow' ? ws.terminate() : ws.close(closeCodes[reason], reason)),
        isExpired: () => sessions.viewer(token) === undefined,
      };
      ws.on('error', () => ws.terminate());
      ws.on('pong', () => asked.delete(ws));
      ws.on('close', () => {
        asked.delete(ws);
        hub.leave(client);
      });
      ws.on('message', (data, isBinary) => {
        const wanted = isBinary ? undefined : wantedWave(String(data));
        if (wanted !== undefined) wave = wanted;
      });
      if (!hub.join(client)) ws.close(1013, 'full');
    });
  };
  server.on('upgrade', upgrade);
  return () => {
    stopPings();
    server.off('upgrade', upgrade);
    for (const ws of sockets.clients) ws.terminate();
    sockets.close();
  };
}

/** `{"wave": patient}` or `{"wave": null}` chooses the ECG on the open socket; anything else says nothing. */
function wantedWave(text: string): string | null | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('wave' in value)) return undefined;
    return typeof value.wave === 'string' || value.wave === null ? value.wave : undefined;
  } catch {
    return undefined;
  }
}

function tokenOf(request: IncomingMessage): string | undefined {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
  return offered.find((name) => name.startsWith(protocolPrefix))?.slice(protocolPrefix.length);
}

/** Browsers always state their origin; a page of somebody else may not use this one's session. */
function isSameOrigin(request: IncomingMessage): boolean {
  const { origin, host } = request.headers;
  if (origin === undefined) return true;
  try {
    return new URL(origin).host === host;
  } catch {
    return false;
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
