export { createFileAgentStore } from './adapters/store-file.ts';
export { createMemoryAgentStore } from './adapters/store-memory.ts';
export { createPatientAgent } from './agent.ts';
export { type AgentDevice, type AgentSettings, type ClaimOrder, defaultPolicy, type PatientAgent } from './contract.ts';
export { AGENT_FAILURES, type AgentCode } from './failures.ts';
export { agentLimits } from './limits.ts';
export type { AgentPorts, AgentStore, GatewayPort, LocalLink } from './ports.ts';
export type { Consent, Invitation } from './state.ts';
export type { Vault, VaultEpoch } from './vault.ts';
