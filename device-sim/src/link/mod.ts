export { createLossyLink, type LossyLink, type LossyLinkSettings } from './link-lossy.ts';
export { createMemoryBroker, type MemoryBroker } from './link-memory.ts';
export { createMqttLink, type MqttLinkSettings } from './link-mqtt.ts';
export { createLocalPair } from './local-pair.ts';
export { connectLocalLink, listenLocalLink, localLinkOverSocket } from './local-tcp.ts';
