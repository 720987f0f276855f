// npm test: installs what is missing, then runs every test. In CI a test that cannot run is a failure.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPeers } from './peers.mjs';
import { buildPages, env, installPackages, node, root, run } from './prepare.mjs';

installPackages();
const absent = installPeers();
if (process.env.CI && absent.length > 0) {
  console.error('In CI every peer must be there.');
  process.exit(1);
}
buildPages();

const only = process.argv.slice(2);
if (only.length === 0) {
  for (const check of ['lint', 'types', 'arrows']) run('npm', ['run', '--silent', check]);
}

const folder = mkdtempSync(join(tmpdir(), 'ringthrough-test-'));
const report = join(folder, 'report.json');
const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
const { status } = spawnSync(
  node,
  [vitest, 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...only],
  // What goes over loopback in the meantime is judged by tshark: interop/support/capture-run.ts.
  { cwd: root, env: { ...env, RINGTHROUGH_CAPTURE: '1' }, stdio: 'inherit' },
);
let summary = '0 passed, 1 failed';
try {
  const { numPassedTests, numFailedTests, numPendingTests, numFailedTestSuites } = JSON.parse(
    readFileSync(report, 'utf8'),
  );
  const failed = numFailedTests || (status === 0 ? 0 : Math.max(1, numFailedTestSuites));
  summary = `${numPassedTests} passed, ${failed} failed${numPendingTests ? `, ${numPendingTests} skipped` : ''}`;
} catch {
  console.error('The test run wrote no report.');
}
rmSync(folder, { recursive: true, force: true });
console.log(summary);
process.exit(status ?? 1);
