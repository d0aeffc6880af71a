export * from './body.ts';
export type { CircleOptions } from './circle.ts';
export { createDemoCircle, createGeneratedBody } from './circle.ts';
export type { GeneratedSettings } from './generated-device.ts';
export { createGeneratedDevice, defaultGenerated } from './generated-device.ts';
export { bodyLimits } from './limits.ts';
export type { PersonPlan } from './person.ts';
export { drawPerson } from './person.ts';
