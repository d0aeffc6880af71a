import { failures } from '@pulseseal/runtime';

export const AGENT_FAILURES = {
  'qr-malformed': { kind: 'refused', text: 'The code is no PulseSeal code. Scan the QR on the box again.' },
  'device-count': { kind: 'refused', text: 'This person has the most devices allowed. Remove one first.' },
  'device-unknown': { kind: 'refused', text: 'No device with this pseudonym belongs to this owner.' },
  'devcert-untrusted': {
    kind: 'refused',
    text: 'The device certificate is not from a known maker. Add the maker key or return the device.',
  },
  'claim-answer-wrong': { kind: 'refused', text: 'The answer to the claim does not belong to this device. Try again.' },
  'link-closed': { kind: 'retry-later', text: 'The device went away. Bring it near and try again.' },
  'recipient-known': { kind: 'refused', text: 'This recipient is in the manifest already.' },
  'recipient-unknown': { kind: 'refused', text: 'This recipient is not in the manifest.' },
  'recipient-count': { kind: 'refused', text: 'A manifest has at most 16 recipients. Remove one first.' },
  'prekey-invalid': {
    kind: 'refused',
    text: 'The prekey of this recipient is no X-Wing public key. Ask the recipient for a new invitation.',
  },
  'release-count': {
    kind: 'retry-later',
    text: 'Too much history waits for the gateway. Grant the rest when it has gone.',
  },
  'vault-damaged': { kind: 'broken', text: 'An entry of the vault does not open. Restore the folder from a backup.' },
  'vault-full': { kind: 'retry-later', text: 'The vault is full. Erase epochs that are no longer wanted.' },
  'state-damaged': { kind: 'broken', text: 'The state of the agent cannot be read. Restore the folder from a backup.' },
} as const;

export type AgentCode = keyof typeof AGENT_FAILURES;
export const agentFailure = failures<AgentCode>(AGENT_FAILURES);
