// npm run lock: completes package-lock.json with the packages for other platforms that npm left out.
// npm writes only those that the registry it talked to could serve, and then `npm ci` refuses the lock file.
// With --check nothing is written; a gap is an error. Entries added here have no integrity: npm fills that in
// on the platform that installs them.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './prepare.mjs';

const systems = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const processors = ['arm', 'arm64', 'ia32', 'loong64', 'ppc64', 'riscv64', 's390x', 'x64'];

/** Where Node would look for `name`, seen from the package at `path`. */
function places(path, name) {
  const folders = [];
  for (let base = path; ; base = base.slice(0, base.lastIndexOf('node_modules/')).replace(/\/$/, '')) {
    folders.push(`${base ? `${base}/` : ''}node_modules/${name}`);
    if (!base.includes('node_modules/')) break;
  }
  return path && !path.includes('node_modules/') ? [...folders, `node_modules/${name}`] : folders;
}

/** The entry of one platform's package, read from its name: `@rollup/rollup-linux-x64-musl`. */
function entryFor(name, version, parent) {
  const words = name.split(/[/-]/);
  const os = words.filter((word) => systems.includes(word));
  const cpu = words.filter((word) => processors.includes(word));
  if (os.length !== 1 || cpu.length !== 1 || !/^\d+\.\d+\.\d+$/.test(version)) return undefined;
  const libc = /musl/.test(name) ? ['musl'] : /gnu/.test(name) && os[0] === 'linux' ? ['glibc'] : undefined;
  return {
    version,
    cpu,
    ...(parent.dev ? { dev: true } : {}),
    ...(libc ? { libc } : {}),
    ...(parent.license ? { license: parent.license } : {}),
    optional: true,
    os,
  };
}

const file = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(file, 'utf8'));
const missing = [];
for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    if (places(path, name).some((place) => place in lock.packages)) continue;
    missing.push({ place: `node_modules/${name}`, name, entry: entryFor(name, version, entry) });
  }
}

const unknown = missing.filter(({ entry }) => !entry);
if (unknown.length > 0) {
  console.error(`package-lock.json lacks ${unknown.map(({ name }) => name).join(', ')}; add them by hand.`);
  process.exit(1);
}
if (process.argv.includes('--check')) {
  if (missing.length > 0) {
    console.error(`package-lock.json lacks ${missing.length} platform packages. Run: npm run lock`);
    process.exit(1);
  }
} else if (missing.length > 0) {
  for (const { place, entry } of missing) lock.packages[place] = entry;
  const [first, ...rest] = Object.keys(lock.packages);
  const order = [first, ...rest.sort((a, b) => a.localeCompare(b, 'en'))];
  lock.packages = Object.fromEntries(order.map((path) => [path, lock.packages[path]]));
  writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${missing.length} platform packages added.`);
}
