import { spawnSync } from 'node:child_process';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { measureCalls } from './load/calls.ts';
import { measureMedia } from './load/media.ts';
import { measureRegistrations } from './load/registrations.ts';
import { measureSoak } from './load/soak.ts';

/** What `npm run bench` measures, by the names it takes on the command line. */
const benches: Record<string, () => Promise<void>> = {
  calls: measureCalls,
  media: measureMedia,
  registrations: measureRegistrations,
  soak: measureSoak,
};
/** These take so long that they have to be asked for. */
const byNameOnly = ['soak'];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in benches));
if (unknown.length > 0) {
  console.error(`No such benchmark: ${unknown.join(', ')}. There are: ${Object.keys(benches).join(', ')}.`);
  process.exit(2);
}

const first = (command: string, args: string[], line = 0) =>
  (spawnSync(command, args).stdout?.toString().split('\n')[line] ?? '').trim();

console.log(`date      ${new Date().toISOString().slice(0, 10)}`);
console.log(
  `machine   ${cpus().length} × ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
);
console.log(`load      ${loadavg()[0]?.toFixed(1)} runnable before it began`);
console.log(`versions  Node ${process.version}, ${first('sipp', ['-v'], 1)}`);
console.log(`command   ${['npm run bench', ...(wanted.length > 0 ? ['--', ...wanted] : [])].join(' ')}`);

for (const [name, bench] of Object.entries(benches)) {
  if (wanted.length > 0 ? !wanted.includes(name) : byNameOnly.includes(name)) continue;
  console.log(`\n${name}`);
  await bench();
}
