import { createMemoryBus } from '../src/mod.ts';
import { busContract } from './bus.contract.ts';

busContract('memory', async (maxBytes) => {
  const bus = createMemoryBus(maxBytes === undefined ? {} : { maxBytes });
  return {
    openPublisher: async () => bus.openPublisher(),
    openSubscriber: async (name) => bus.openSubscriber(name),
    dispose: async () => {},
  };
});
