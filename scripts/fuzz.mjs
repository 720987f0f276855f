// npm run fuzz [-- seconds [file …]]: every fuzz test for so long, each with a seed that it prints when it fails.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { env, installPackages, node, root } from './prepare.mjs';

installPackages();
const [seconds = '60', ...files] = process.argv.slice(2);
if (!(Number(seconds) > 0)) {
  console.error('Usage: npm run fuzz [-- seconds [file …]]');
  process.exit(2);
}
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const wanted = files.length > 0 ? files : ['fuzz', 'two-users.property'];
const { status } = spawnSync(node, [vitest, 'run', '--project', 'unit', ...wanted], {
  cwd: root,
  env: { ...env, RINGTHROUGH_FUZZ_SECONDS: seconds },
  stdio: 'inherit',
});
process.exit(status ?? 1);
