/** How the edge process runs: the same flags as `system/src/processes/child.ts` gives it. */
export const GATEWAY_FLAGS: readonly string[] = (process.env.GWARGS ?? '').split(' ').filter(Boolean);
