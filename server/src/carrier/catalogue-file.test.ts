import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ConfigError, parseConfig } from '../config.ts';
import { createLogger } from '../log.ts';
import { CarrierCatalogue, CatalogueFile } from './index.ts';

const folder = mkdtempSync(join(tmpdir(), 'ringthrough-carriers-'));
const path = join(folder, 'carriers.yaml');
const config = parseConfig('lab: { enabled: false }');
let catalogue: CarrierCatalogue;
let file: CatalogueFile;
let lines: string[];

beforeEach(() => {
  lines = [];
  catalogue = new CarrierCatalogue([]);
  const log = createLogger({ level: 'info', destination: 'none' }, { write: (line) => lines.push(line) });
  file = new CatalogueFile({ path, config, catalogue, log, intervalMs: 50 });
});

afterEach(() => file.close());

const carrier = (id: string, more = '') =>
  `  - { id: ${id}, name: N, country: US, family: gsm, cNumber: '+14155559000'${more} }\n`;

let age = 100;

/** With a time that is another one for certain. */
function write(text: string): void {
  writeFileSync(path, text);
  age -= 1;
  utimesSync(path, Date.now() / 1000 - age, Date.now() / 1000 - age);
}

const ids = () => catalogue.all().map(({ id }) => id);

it('is read at the start, again when it changes, and on SIGHUP; what cannot be used changes nothing', async () => {
  write(`carriers:\n${carrier('a', ', prefixes: ["+1415"]')}`);
  await file.open();
  expect(catalogue.byNumber('+14155550101')?.id).toBe('a');
  write(`carriers:\n${carrier('a')}${carrier('b')}`);
  await vi.waitFor(() => expect(ids()).toEqual(['a', 'b']), { timeout: 10_000 });
  write(`carriers:\n${carrier('c')}  - nonsense\n`);
  await vi.waitFor(() => expect(lines.join('')).toContain('the old list stays'), { timeout: 10_000 });
  expect(ids()).toEqual(['a', 'b']);
  write('carriers: []\n');
  process.emit('SIGHUP', 'SIGHUP');
  await vi.waitFor(() => expect(ids()).toEqual([]), { timeout: 10_000 });
});

it.each([
  ['is not there', undefined, /cannot be read \(ENOENT\)/],
  ['has a fault', `carriers:\n${carrier('a')}${carrier('B!')}`, /carriers\.yaml:3: carriers\.1\.id/],
  ['has more than carriers', `carriers: []\nsip: { port: 5 }\n`, /sip: only carriers are here/],
  ['names a carrier twice', `carriers:\n${carrier('a')}${carrier('a')}`, /two carriers have the same id/],
])('stops the start when it %s', async (_, text, fault) => {
  rmSync(path, { force: true });
  if (text !== undefined) write(text);
  await expect(file.open()).rejects.toThrow(fault);
  await expect(file.open()).rejects.toBeInstanceOf(ConfigError);
});
