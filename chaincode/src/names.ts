/** The functions of the ledger (protocol 11). */
export const LEDGER_FUNCTIONS = [
  'RegisterGateway',
  'RetireGateway',
  'RegisterDevice',
  'RetireDevice',
  'PutRecipient',
  'PutManifest',
  'GrantConsent',
  'RevokeConsent',
  'AnchorTreeHead',
  'ReportDispute',
] as const;
export type LedgerFunction = (typeof LEDGER_FUNCTIONS)[number];

export const LEDGER_QUERIES = [
  'GetGateway',
  'GetDevice',
  'GetRecipient',
  'GetManifest',
  'GetTreeHead',
  'GetConsent',
  'GetDispute',
  'GetActCounter',
] as const;
export type LedgerQuery = (typeof LEDGER_QUERIES)[number];

/** Rows of the world state. Hex keeps Fabric's key alphabet and the byte order. */
export const stateKey = {
  operator: 'operator',
  act: (thumbprintHex: string) => `act/${thumbprintHex}`,
  gateway: (thumbprintHex: string) => `gateway/${thumbprintHex}`,
  device: (pseudonymHex: string) => `device/${pseudonymHex}`,
  owner: (thumbprintHex: string) => `owner/${thumbprintHex}`,
  recipient: (ridHex: string) => `recipient/${ridHex}`,
  identity: (thumbprintHex: string) => `identity/${thumbprintHex}`,
  /** An id belongs to the owner who uses it: nobody occupies another one's. */
  consent: (ownerHex: string, idHex: string) => `consent/${ownerHex}/${idHex}`,
  manifest: (pseudonymHex: string) => `manifest/${pseudonymHex}`,
  manifestVersion: (pseudonymHex: string, version: number) => `manifest/${pseudonymHex}/${version}`,
  head: (logIdHex: string) => `head/${logIdHex}`,
  /** Proved by two closes, or reported against one. */
  dispute: (ohHex: string, segment: number, isProved: boolean) =>
    `dispute/${ohHex}/${segment}/${isProved ? 'proved' : 'reported'}`,
} as const;
