/** What the app needs from the outside, so that its logic runs in tests without a browser. */
export interface Ports {
  /** Wall time, milliseconds since 1970, for a person's eyes only. */
  wallMs(): number;
  /** Never jumps back. It may stand still while the machine sleeps. */
  monotonicMs(): number;
  /** 0 <= x < 1, for the jitter of reconnects. */
  random(): number;
  /** @returns the function that ends it. */
  every(periodMs: number, run: () => void): () => void;
  after(delayMs: number, run: () => void): () => void;
  openSocket(token: string, listener: SocketListener): SocketHandle;
  request(path: string, options: RequestOptions): Promise<Reply>;
  /** Kept until the tab closes. */
  session: TextStore;
  /** Kept on this machine: theme, shortcuts. Never health data. */
  local: TextStore;
}

export interface TextStore {
  get(key: string): string | null;
  set(key: string, value: string | null): void;
}

export interface SocketListener {
  opened(): void;
  message(text: string): void;
  closed(): void;
}

export interface SocketHandle {
  send(text: string): void;
  close(): void;
}

export interface RequestOptions {
  readonly token?: string;
  /** Sent as JSON by POST; without it the request is a GET. */
  readonly body?: object;
}

export interface Reply {
  readonly status: number;
  readonly bytes: Uint8Array;
}

/** The body as JSON, or undefined when it is none. */
export function jsonOf(reply: Reply): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(reply.bytes));
  } catch {
    return undefined;
  }
}
