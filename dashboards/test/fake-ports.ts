import type { LiveMessage } from '@pulseseal/protocol';
import type { Ports, Reply, RequestOptions, SocketListener } from '../src/app/ports.ts';

/** An outside whose time a test moves. `sleep` moves wall time alone, as a closed laptop does. */
export function createFakePorts() {
  let wall = 1_700_000_000_000;
  let monotonic = 5_000;
  const timers: { atMs: number; everyMs: number | null; run: () => void }[] = [];
  const sockets: { listener: SocketListener; sent: string[]; open: boolean }[] = [];
  const requests: { path: string; options: RequestOptions }[] = [];
  const control = { reply: { status: 200, bytes: new Uint8Array() } as Reply };
  const stores = new Map<string, string>();
  const store = (prefix: string) => ({
    get: (key: string) => stores.get(prefix + key) ?? null,
    set: (key: string, value: string | null) => {
      if (value === null) stores.delete(prefix + key);
      else stores.set(prefix + key, value);
    },
  });
  const schedule = (delayMs: number, everyMs: number | null, run: () => void) => {
    const timer = { atMs: monotonic + delayMs, everyMs, run };
    timers.push(timer);
    return () => {
      const index = timers.indexOf(timer);
      if (index >= 0) timers.splice(index, 1);
    };
  };
  const ports: Ports = {
    wallMs: () => wall,
    monotonicMs: () => monotonic,
    random: () => 0.5,
    every: (periodMs, run) => schedule(periodMs, periodMs, run),
    after: (delayMs, run) => schedule(delayMs, null, run),
    openSocket(_token, listener) {
      const socket = { listener, sent: [] as string[], open: true };
      sockets.push(socket);
      return { send: (text) => socket.sent.push(text), close: () => (socket.open = false) };
    },
    async request(path, options) {
      requests.push({ path, options });
      return control.reply;
    },
    session: store('s:'),
    local: store('l:'),
  };
  return {
    ports,
    sockets,
    requests,
    control,
    wallMs: () => wall,
    pass(ms: number) {
      const end = monotonic + ms;
      for (;;) {
        const next = timers.toSorted((a, b) => a.atMs - b.atMs)[0];
        if (next === undefined || next.atMs > end) break;
        wall += next.atMs - monotonic;
        monotonic = next.atMs;
        if (next.everyMs === null) timers.splice(timers.indexOf(next), 1);
        else next.atMs += next.everyMs;
        next.run();
      }
      wall += end - monotonic;
      monotonic = end;
    },
    sleep(ms: number) {
      wall += ms;
    },
    say(message: LiveMessage) {
      sockets.at(-1)?.listener.message(JSON.stringify(message));
    },
  };
}
