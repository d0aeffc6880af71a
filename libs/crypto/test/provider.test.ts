import { providerContract } from './provider.contract.ts';
import { providers } from './vectors.ts';

for (const provider of providers) providerContract(provider);
