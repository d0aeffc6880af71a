import type { AgentStore } from '../ports.ts';

/** Lives as long as the object. For tests. */
export function createMemoryAgentStore(): AgentStore & { readonly vault: readonly Uint8Array[] } {
  let state: Uint8Array | undefined;
  let vault: readonly Uint8Array[] = [];
  return {
    get vault() {
      return vault;
    },
    readState: () => state,
    writeState(bytes) {
      state = bytes;
    },
    readVault: () => vault,
    appendVault(record) {
      vault = [...vault, record];
    },
    rewriteVault(records) {
      vault = [...records];
    },
    close() {},
  };
}
