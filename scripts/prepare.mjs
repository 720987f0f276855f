// What every npm command needs before it can work: installed packages, Node 24, built pages.
// Plain JavaScript without dependencies: it runs on whatever Node the machine has, before anything is installed.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules', '.bin');
export const node = join(bin, 'node');

/** Environment in which Node 24 and the project's tools are found first. */
export const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` };

const mtime = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

/** `npm ci` unless node_modules already matches the lock file. */
export function installPackages() {
  const installed = mtime(join(root, 'node_modules', '.package-lock.json'));
  if (installed >= mtime(join(root, 'package-lock.json')) && existsSync(node)) return;
  console.log('Installing npm packages (once, about a minute) …');
  run('npm', ['ci', '--no-fund', '--no-audit', '--loglevel=error']);
}

function newestUnder(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (['node_modules', 'dist', 'src-test'].includes(entry.name)) continue;
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestUnder(path) : mtime(path));
  }
  return newest;
}

/** Builds the client's and the lab's pages unless what was built is newer than every source. */
export function buildPages() {
  for (const page of ['client', 'lab']) {
    const built = mtime(join(root, page, 'dist', 'index.html'));
    const newest = Math.max(...[page, 'styles'].map((folder) => newestUnder(join(root, folder))));
    if (built > 0 && built >= newest) continue;
    console.log(`Building the ${page}'s pages …`);
    run(node, [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', page, '--logLevel', 'warn']);
  }
}

/** Runs a command to its end; ends this process with the same code when it fails. */
export function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, env, stdio: 'inherit' });
  if (error) {
    console.error(`Could not run ${command}: ${error.message}`);
    process.exit(1);
  }
  if (status !== 0) process.exit(status ?? 1);
}

/** Hands this process over to a command: signals go to it, its exit code becomes ours. */
export function become(command, args) {
  const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`Could not run ${command}: ${error.message}`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

/** Flags with which all of the project's TypeScript runs. */
/**
 * A young generation of 8 MiB: V8 would let it grow until each collection is a pause of 10 to 20 ms, which is what calls
 * would wait for (docs/performance.md).
 */
export const nodeFlags = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=8'];
