/** Turns for costly work, address by address in a circle: nobody stands behind another's flood. */
export interface Turns {
  /** Resolves with true when it is one's turn; with false when the room to wait was needed for others. */
  enter(key: string): Promise<boolean>;
  /** After each turn. */
  leave(): void;
}

export function createTurns(atOnce: number, mostWaiting: number): Turns {
  const queues = new Map<string, ((isTurn: boolean) => void)[]>();
  let running = 0;
  let waiting = 0;

  const longest = (): string | undefined => {
    let found: string | undefined;
    for (const [key, queue] of queues) if (found === undefined || queue.length > queues.get(found)!.length) found = key;
    return found;
  };
  /** The longest queue gives up its last place; false: the newcomer's own is as long. */
  const makeRoom = (key: string): boolean => {
    const crowd = longest();
    if (crowd === undefined || queues.get(crowd)!.length <= (queues.get(key)?.length ?? 0)) return false;
    queues.get(crowd)!.pop()!(false);
    waiting--;
    return true;
  };
  return {
    enter(key) {
      if (running < atOnce) {
        running++;
        return Promise.resolve(true);
      }
      if (waiting >= mostWaiting && !makeRoom(key)) return Promise.resolve(false);
      waiting++;
      return new Promise((resolve) => {
        const queue = queues.get(key);
        if (queue === undefined) queues.set(key, [resolve]);
        else queue.push(resolve);
      });
    },
    leave() {
      for (const [key, queue] of queues) {
        const next = queue.shift();
        queues.delete(key);
        if (next === undefined) continue;
        if (queue.length > 0) queues.set(key, queue);
        waiting--;
        next(true);
        return;
      }
      running--;
    },
  };
}
