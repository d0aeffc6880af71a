/** A first-in first-out queue with a stated capacity. `push` answers false when full: the caller must handle it. */
export interface BoundedQueue<T> {
  push(item: T): boolean;
  shift(): T | undefined;
  peek(): T | undefined;
  readonly size: number;
  readonly capacity: number;
  clear(): void;
}

export function createBoundedQueue<T>(capacity: number): BoundedQueue<T> {
  let head: T[] = [];
  let at = 0;
  return {
    push(item) {
      if (head.length - at >= capacity) return false;
      head.push(item);
      return true;
    },
    shift() {
      if (at >= head.length) return undefined;
      const item = head[at];
      head[at++] = undefined as T;
      if (at > 1024 && at * 2 > head.length) {
        head = head.slice(at);
        at = 0;
      }
      return item;
    },
    peek: () => head[at],
    get size() {
      return head.length - at;
    },
    capacity,
    clear() {
      head = [];
      at = 0;
    },
  };
}

/** Runs at most one task at a time, in order. A failed task does not stop those behind it. */
export function createSerial(): <T>(task: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (task) => {
    const run = tail.then(task, task);
    tail = run.catch(() => {});
    return run;
  };
}
