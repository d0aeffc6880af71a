import type { Ports, TextStore } from '../ports.ts';
import { settings } from '../settings.ts';

/** The browser as the app's outside. */
export function createBrowserPorts(): Ports {
  return {
    wallMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    random: () => Math.random(),
    every(periodMs, run) {
      const timer = window.setInterval(run, periodMs);
      return () => window.clearInterval(timer);
    },
    after(delayMs, run) {
      const timer = window.setTimeout(run, delayMs);
      return () => window.clearTimeout(timer);
    },
    openSocket(token, listener) {
      const url = new URL('/api/live', window.location.href);
      url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
      const socket = new WebSocket(url, [`pulseseal.${token}`]);
      socket.addEventListener('open', () => listener.opened());
      socket.addEventListener('message', (event: MessageEvent<unknown>) => {
        if (typeof event.data === 'string') listener.message(event.data);
      });
      socket.addEventListener('close', () => listener.closed());
      return {
        send: (text) => {
          if (socket.readyState === WebSocket.OPEN) socket.send(text);
        },
        close: () => socket.close(),
      };
    },
    async request(path, options) {
      const headers: Record<string, string> = {};
      if (options.token !== undefined) headers.Authorization = `Bearer ${options.token}`;
      if (options.body !== undefined) headers['Content-Type'] = 'application/json';
      const response = await fetch(path, {
        method: options.body === undefined ? 'GET' : 'POST',
        headers,
        cache: 'no-store',
        signal: AbortSignal.timeout(settings.requestTimeoutMs),
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      });
      return { status: response.status, bytes: new Uint8Array(await response.arrayBuffer()) };
    },
    session: textStore(() => window.sessionStorage),
    local: textStore(() => window.localStorage),
  };
}

/** A browser may forbid storage; the board works without it, and forgets. */
function textStore(open: () => Storage): TextStore {
  return {
    get(key) {
      try {
        return open().getItem(`pulseseal.${key}`);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        if (value === null) open().removeItem(`pulseseal.${key}`);
        else open().setItem(`pulseseal.${key}`, value);
      } catch {
        // Forgotten at the end of the tab.
      }
    },
  };
}
