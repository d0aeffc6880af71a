export type { Api, ApiPorts, ApiSettings } from './adapters/api-fastify.ts';
export { createApi } from './adapters/api-fastify.ts';
export { createLogJournal } from './adapters/journal-log.ts';
export { createMemoryJournal } from './adapters/journal-memory.ts';
export { apply } from './apply.ts';
export { decide, step } from './decide.ts';
export { roundHalfUp } from './decimal.ts';
export type { Desk, Viewer } from './desk.ts';
export type { News2LineError } from './evaluate-news2.ts';
export { evaluateNews2Line, maxNews2LineChars } from './evaluate-news2.ts';
export type {
  EvaluateVitalsPorts,
  RowRefusal,
  VitalsOutput,
  VitalsScreen,
  VitalsScreenContext,
} from './evaluate-vitals.ts';
export { alertsCsvHeader, evaluateStay, evaluateVitals, riskCsvHeader, vitalsCsvLine } from './evaluate-vitals.ts';
export type { TwinCommand, TwinEvent } from './events.ts';
export type { TwinFailureCode } from './failures.ts';
export * from './limits.ts';
export * from './news2.ts';
export type { ProofSource, TwinJournal, TwinPorts } from './ports.ts';
export type { AlertChange, ReadingNote, TwinService } from './service.ts';
export { createTwinService } from './service.ts';
export type { AskedCode, CodeGrant, Sessions } from './sessions.ts';
export { createSessions, newCode, sessionLimits } from './sessions.ts';
export type { PatientEntry, TwinSettings } from './settings.ts';
export type { Alert, DeviceState, Held, Slot, StreamState, Twin, TwinSubject } from './state.ts';
export { newTwin } from './state.ts';
export type { ClinicalView } from './vitals.ts';
export { viewOf } from './vitals.ts';
export type { VitalsRow } from './vitals-csv.ts';
export { parsePatientsCsv, parseVitalsCsv } from './vitals-csv.ts';
