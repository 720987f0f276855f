import { readFileSync } from 'node:fs';
import { EmbeddedMediaPlane, type MediaLeg } from '../../../server/src/media/index.ts';
import { serve } from '../../subprocess.ts';
import type { CallSdp, Usage } from './trial.ts';

/** The media plane as the product runs it, alone in its process: a main thread for commands, a worker for packets. */
const complain = (data: Record<string, unknown>, message: string) => console.error(message, data);
const quiet = () => undefined;
const plane = await EmbeddedMediaPlane.start({
  host: '127.0.0.1',
  webrtcPort: 0,
  rtpPorts: { min: 20_000, max: 31_999 },
  silenceTimeoutSeconds: 60,
  log: { debug: quiet, info: quiet, warn: complain, error: complain },
});
const calls = new Map<number, [MediaLeg, MediaLeg]>();
const ports = new Set([plane.webrtcPort]);

async function open({ id, kind, a, b }: CallSdp): Promise<CallSdp> {
  const callId = String(id);
  const carrier = await plane.openLeg({ callId, kind: 'rtp', codecs: ['PCMU'] });
  const client = await plane.openLeg({
    callId,
    kind: kind === 'webrtc' ? 'webrtc' : 'rtp',
    codecs: kind === 'relay' ? ['PCMU'] : ['opus'],
  });
  const answers = [await carrier.acceptOffer(a), await client.acceptOffer(b)] as const;
  for (const answer of answers) ports.add(Number(/^m=audio (\d+)/m.exec(answer)?.[1]));
  await plane.connect(carrier, client);
  calls.set(id, [carrier, client]);
  return { id, kind, a: answers[0], b: answers[1] };
}

/** Linux counts drops per socket in the last column of /proc/net/udp. */
function dropped(): number {
  const rows = readFileSync('/proc/net/udp', 'utf8').trim().split('\n').slice(1);
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((fields) => ports.has(Number.parseInt(fields[1]?.split(':')[1] ?? '', 16)))
    .reduce((sum, fields) => sum + Number(fields.at(-1)), 0);
}

const handlers = {
  open: async (offers: CallSdp[]): Promise<CallSdp[]> => {
    const answers: CallSdp[] = [];
    for (const offer of offers) answers.push(await open(offer));
    return answers;
  },
  close: async (ids: number[]): Promise<void> => {
    for (const id of ids) {
      await Promise.all((calls.get(id) ?? []).map((leg) => leg.close()));
      calls.delete(id);
    }
  },
  usage: (): Usage => {
    const { user, system } = process.cpuUsage();
    return {
      cpuMs: (user + system) / 1000,
      dropped: dropped(),
      rssMb: process.memoryUsage.rss() / 2 ** 20,
    };
  },
};
export type PlaneHandlers = typeof handlers;

serve(handlers);
