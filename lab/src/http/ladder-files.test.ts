import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { LadderEntry } from '../ladder.ts';
import { ladderAsPcap, ladderAsText } from './ladder-files.ts';

const sip = [
  'OPTIONS sip:a@127.0.0.1 SIP/2.0',
  'Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bKx',
  'From: <sip:b@127.0.0.1>;tag=1',
  'To: <sip:a@127.0.0.1>',
  'Call-ID: one@lab',
  'CSeq: 1 OPTIONS',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

const entries: LadderEntry[] = [
  {
    id: 1,
    callId: 'c',
    at: 1_000_040,
    from: 'handset:+14155550101',
    to: 'switch:lab-gsm',
    kind: 'radio',
    label: 'SETUP',
    detail: 'Called number +12125550199',
  },
  {
    id: 2,
    callId: 'c',
    at: 1_000_250,
    from: 'switch:lab-gsm',
    to: 'ringthrough',
    kind: 'sip',
    label: 'OPTIONS',
    detail: sip,
  },
];

const addressOf = (who: string) => ({ host: '127.0.0.1', port: who === 'ringthrough' ? 5060 : 5070 });

it('writes a ladder for reading', () => {
  const text = ladderAsText(entries, 1_000_000);
  expect(text).toContain('+40 ms  handset:+14155550101 -> switch:lab-gsm  SETUP\n    Called number');
  expect(text).toContain(
    '+250 ms  switch:lab-gsm -> ringthrough  OPTIONS\n    OPTIONS sip:a@127.0.0.1 SIP/2.0\n',
  );
});

it('writes a capture of its SIP', () => {
  const pcap = ladderAsPcap(entries, addressOf);
  expect(pcap.readUInt32LE(0)).toBe(0xa1b2c3d4);
  // One packet: global header, record header, IPv4, UDP, the message.
  expect(pcap.length).toBe(24 + 16 + 28 + sip.length);
  expect([pcap.readUInt32LE(24), pcap.readUInt32LE(28)]).toEqual([1000, 250_000]);
  expect([pcap.readUInt16BE(60), pcap.readUInt16BE(62)]).toEqual([5070, 5060]);
});

/** Where it is installed; the capture of the interop run needs it in CI. */
const tshark = spawnSync('tshark', ['--version'], { stdio: 'ignore' }).status === 0;

it.runIf(tshark)('which tshark reads as SIP, without a complaint about a checksum', () => {
  const folder = mkdtempSync(join(tmpdir(), 'ladder-'));
  const file = join(folder, 'call.pcap');
  writeFileSync(file, ladderAsPcap(entries, addressOf));
  const fields = ['-e', 'sip.Method', '-e', 'udp.srcport', '-e', 'ip.checksum.status'];
  const read = spawnSync(
    'tshark',
    ['-r', file, '-d', 'udp.port==5070,sip', '-o', 'ip.check_checksum:TRUE', '-T', 'fields', ...fields],
    { encoding: 'utf8' },
  );
  rmSync(folder, { recursive: true });
  expect(read.stdout.trim().split('\t')).toEqual(['OPTIONS', '5070', '1']);
});
