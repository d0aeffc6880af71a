import { topic } from '@pulseseal/protocol';

/** The topics of one device. Only one text is kept of them: there are as many as devices. */
export class DeviceTopics {
  /** Frames: the one that is compared with every message. */
  readonly up: string;

  constructor(shard: string, device: string) {
    // A joined text is flat; a sum of texts would stay a tree of its parts.
    this.up = [...topic.device(shard, device, 'u')].join('');
  }

  get open(): string {
    return this.#channel('o');
  }

  get control(): string {
    return this.#channel('c');
  }

  get will(): string {
    return this.#channel('w');
  }

  get down(): string {
    return this.#channel('d');
  }

  get endorse(): string {
    return this.#channel('e');
  }

  get manifest(): string {
    return this.#channel('m');
  }

  #channel(name: string): string {
    return this.up.slice(0, -1) + name;
  }
}
