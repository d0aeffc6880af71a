// Runs Biome from its platform package: the umbrella package's lockfile entries name platforms that not every
// registry carries, and `npm ci` refuses such a lockfile.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const binary = join(root, 'node_modules', '@biomejs', `cli-${process.platform}-${process.arch}`, 'biome');
if (!existsSync(binary)) {
  process.stderr.write(`No Biome for ${process.platform}-${process.arch} here: run the checks on Linux.\n`);
  process.exit(1);
}
process.exit(spawnSync(binary, process.argv.slice(2), { cwd: root, stdio: 'inherit' }).status ?? 1);
