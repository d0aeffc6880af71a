import { openLocal, openRemote } from './ground.ts';
import { ledgerContract } from './ledger.contract.ts';

ledgerContract('in this process', (dir) => openLocal(dir));
ledgerContract('client and server', openRemote);
