import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** A network namespace behind a veth pair whose counters give the real IP packets of one wearable. */
export interface NetworkSpace {
  /** Words that run a program inside. */
  readonly prefix: readonly string[];
  /** The machine's address as seen from inside, the same for all spaces. */
  readonly host: string;
  /** IP bytes and packets so far, both ways. */
  count(): { readonly bytes: number; readonly packets: number };
  remove(): void;
}

const ETHERNET_HEADER_BYTES = 14;

export function cannotSeparate(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux';
  if (process.getuid?.() !== 0) return 'it needs root for a network namespace: run `sudo npm run bench -- bytes`';
  return spawnSync('ip', ['-V']).status === 0 ? undefined : 'the program `ip` (iproute2) is not installed';
}

export function createNetworkSpace(index: number): NetworkSpace {
  const name = `psbench${index}`;
  const outer = `psbench${index}o`;
  const inner = `psbench${index}i`;
  const ip = (...words: string[]) => {
    const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr.trim()}`);
  };
  const prefix = ['ip', 'netns', 'exec', name];
  const remove = () => {
    spawnSync('ip', ['link', 'del', outer]);
    spawnSync('ip', ['netns', 'del', name]);
  };
  process.on('exit', remove);
  // The names are the same in each run, so that what a killed run left behind goes, with its address.
  remove();
  ip('netns', 'add', name);
  // One packet is one packet: without this the kernel counts 64 kB of TCP as one.
  ip('link', 'add', outer, 'gso_max_segs', '1', 'type', 'veth', 'peer', 'name', inner, 'gso_max_segs', '1');
  ip('link', 'set', inner, 'netns', name);
  writeFileSync(`/proc/sys/net/ipv6/conf/${outer}/disable_ipv6`, '1');
  ip('addr', 'add', `10.211.${index}.1/24`, 'dev', outer);
  ip('link', 'set', outer, 'up');
  ip('netns', 'exec', name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6');
  ip('-n', name, 'addr', 'add', `10.211.${index}.2/24`, 'dev', inner);
  ip('-n', name, 'link', 'set', inner, 'up');
  ip('-n', name, 'link', 'set', 'lo', 'up');
  ip('-n', name, 'route', 'add', 'default', 'via', `10.211.${index}.1`);
  const read = (what: string) => Number(readFileSync(`/sys/class/net/${outer}/statistics/${what}`, 'utf8'));
  return {
    prefix,
    host: '10.211.1.1',
    count() {
      const packets = read('rx_packets') + read('tx_packets');
      return { packets, bytes: read('rx_bytes') + read('tx_bytes') - packets * ETHERNET_HEADER_BYTES };
    },
    remove,
  };
}
