import type { LocalLinkPort } from '../device/ports.ts';

/** A device and its agent in one process. Delivery is asynchronous and in order. */
export function createLocalPair(): readonly [device: LocalLinkPort, agent: LocalLinkPort] {
  const a = createEnd();
  const b = createEnd();
  a.peer = b;
  b.peer = a;
  return [a.port, b.port];
}

interface End {
  peer: End | undefined;
  deliver(bytes: Uint8Array): void;
  closed(): void;
  readonly port: LocalLinkPort;
}

function createEnd(): End {
  let handler: ((bytes: Uint8Array) => void) | undefined;
  let onClose = () => {};
  let open = true;
  const waiting: Uint8Array[] = [];
  const flush = () => {
    while (handler !== undefined && waiting.length > 0) handler(waiting.shift()!);
  };
  const end: End = {
    peer: undefined,
    deliver(bytes) {
      waiting.push(bytes);
      queueMicrotask(flush);
    },
    closed() {
      if (!open) return;
      open = false;
      onClose();
    },
    port: {
      send(bytes) {
        if (open) end.peer?.deliver(bytes.slice());
      },
      onMessage(next) {
        handler = next;
        queueMicrotask(flush);
      },
      onClose(next) {
        onClose = next;
      },
      close() {
        open = false;
        end.peer?.closed();
      },
    },
  };
  return end;
}
