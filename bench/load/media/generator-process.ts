import { WebrtcWire } from '../../../server/src/media/test-support/wire.ts';
import { serve } from '../../subprocess.ts';
import { Histogram } from './histogram.ts';
import { RtpSockets } from './rtp-sockets.ts';
import { RtpLine, Tally, Telephone, WebrtcLine } from './telephone.ts';
import type { CallSdp, Kind, Observation } from './trial.ts';
import { makeVoices } from './voices.ts';

/** Plays both ends of every call. The packets of the telephones are spread evenly over the 20 ms of a frame. */
const SLOTS = 20;
/** After a window, so long for what is still on its way. */
const DRAIN_MS = 250;
/** One call in so many is listened to. */
const LISTEN_EVERY = 25;

const tally = new Tally();
const lateness = new Histogram();
const voices = { PCMU: await makeVoices('PCMU'), opus: await makeVoices('opus') };
const calls = new Map<number, [Telephone, Telephone]>();
/** Who is the other end of what comes from this port of the plane. */
const byPort = new Map<number, { telephone: Telephone; other: Telephone }>();
const slots: Array<Set<Telephone>> = Array.from({ length: SLOTS }, () => new Set<Telephone>());
const sockets = await RtpSockets.open((packet, port) => {
  const line = byPort.get(port);
  if (line) line.telephone.hear(packet, line.other);
  else loopedBack(packet);
});
let nextCall = 1;
let nextSlot = 0;
let nextWindow = 1;
const beganAt = performance.now();

function run(): void {
  const now = performance.now();
  for (; beganAt + nextSlot <= now; nextSlot++) {
    const frame = Math.floor(nextSlot / SLOTS);
    for (const telephone of slots[nextSlot % SLOTS] ?? []) telephone.speak(frame);
    if (tally.stamp > 0) lateness.add(performance.now() - beganAt - nextSlot);
  }
  setTimeout(run, 1);
}

/** Without a media plane the two ends send to each other; the packet says whose it is. */
function loopedBack(packet: Buffer): void {
  const from = packet.readUInt32BE(12);
  const call = calls.get(from >> 1);
  if (call) call[1 - (from & 1)]?.hear(packet, call[from & 1] as Telephone);
}

async function makeCall(kind: Kind): Promise<number> {
  const id = nextCall++;
  const wire = kind === 'webrtc' ? await WebrtcWire.open() : undefined;
  const stamped = kind === 'relay';
  const codec = stamped ? 'PCMU' : 'opus';
  const pick = <T>(of: readonly T[], at: number) => of[at % of.length] as T;
  const a = new Telephone({
    id: 2 * id,
    line: new RtpLine(sockets),
    codec: 'PCMU',
    voice: pick(voices.PCMU, 2 * id),
    tally,
    stamped,
  });
  const line = wire ? new WebrtcLine(wire) : new RtpLine(sockets);
  const b = new Telephone({
    id: 2 * id + 1,
    line,
    codec,
    voice: pick(voices[codec], 2 * id + 1),
    tally,
    stamped,
  });
  if (wire) wire.onRtp = (packet) => b.hear(packet, a);
  if (!stamped && id % LISTEN_EVERY === 1) await Promise.all([a.listen(), b.listen()]);
  calls.set(id, [a, b]);
  return id;
}

/** Puts a telephone into its slot, far from the one before. */
function startSpeaking(telephone: Telephone): void {
  slots[(telephone.id * 7) % SLOTS]?.add(telephone);
}

async function hangUp(id: number): Promise<void> {
  for (const telephone of calls.get(id) ?? []) {
    for (const slot of slots) slot.delete(telephone);
    telephone.close();
    if (telephone.line instanceof RtpLine) byPort.delete(telephone.line.remotePort);
    else if (telephone.line instanceof WebrtcLine) await telephone.line.wire.close();
  }
  calls.delete(id);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const handlers = {
  /** Makes calls and says with which offers. */
  offer: async ({ kind, count }: { kind: Kind; count: number }): Promise<CallSdp[]> => {
    const offers: CallSdp[] = [];
    for (let i = 0; i < count; i++) {
      const id = await makeCall(kind);
      const [a, b] = calls.get(id) as [Telephone, Telephone];
      offers.push({ id, kind, a: a.offer(), b: b.offer() });
    }
    return offers;
  },
  answer: (answers: CallSdp[]): void => {
    for (const { id, a: answerA, b: answerB } of answers) {
      const [a, b] = calls.get(id) as [Telephone, Telephone];
      a.line.connect(answerA);
      b.line.connect(answerB);
      if (a.line instanceof RtpLine) byPort.set(a.line.remotePort, { telephone: a, other: b });
      if (b.line instanceof RtpLine) byPort.set(b.line.remotePort, { telephone: b, other: a });
      startSpeaking(a);
      startSpeaking(b);
    }
  },
  /** Makes calls whose ends send to each other. */
  loop: async ({ count }: { count: number }): Promise<number[]> => {
    const ids: number[] = [];
    for (let i = 0; i < count; i++) {
      const id = await makeCall('relay');
      const [a, b] = calls.get(id) as [Telephone, Telephone];
      a.line.connect(b.offer());
      b.line.connect(a.offer());
      startSpeaking(a);
      startSpeaking(b);
      ids.push(id);
    }
    return ids;
  },
  hangUp: async (ids: number[]): Promise<void> => {
    for (const id of ids) await hangUp(id);
  },
  observe: async ({ kind, seconds }: { kind: Kind; seconds: number }): Promise<Observation> => {
    const cpu = process.cpuUsage();
    const start = performance.now();
    lateness.clear();
    tally.begin(nextWindow++);
    await pause(seconds * 1000);
    const end = performance.now();
    const { user, system } = process.cpuUsage(cpu);
    const streams = [...calls.values()].flat().map((telephone) => telephone.result(start, end));
    const sum = (key: 'received' | 'expected' | 'wrong') => streams.reduce((n, stream) => n + stream[key], 0);
    tally.stamp = 0;
    await pause(DRAIN_MS);
    tally.window = 0;
    const { sent, received, wrong, times } = tally;
    const counts =
      kind === 'relay'
        ? { received, expected: sent, wrong }
        : { received: sum('received'), expected: sum('expected'), wrong: sum('wrong') };
    return {
      ...counts,
      seconds: (end - start) / 1000,
      sent,
      p50Ms: times.percentile(0.5),
      p99Ms: times.percentile(0.99),
      ownLatenessP99Ms: lateness.percentile(0.99),
      ownLoad: (user + system) / 1000 / (end - start),
    };
  },
};
export type GeneratorHandlers = typeof handlers;

run();
serve(handlers);
