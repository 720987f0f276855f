/**
 * A day of virtual time of the whole call path, in a process of its own so that the collector can be asked to work:
 * `node --expose-gc soak-day.ts [hours] [seed]`. Says one JSON line for each virtual hour, and one at the end.
 */

import type { UasSession } from '@ringthrough/sip';
import { seededRandom } from '@ringthrough/sip/testing';
import { CallWorld, numbers, type TestCaller, type TestDevice } from './world.ts';

const hours = Number(process.argv[2] ?? 24);
const random = seededRandom(Number(process.argv[3] ?? 1));
const between = (least: number, most: number) => least + random() * (most - least);
const chance = (share: number) => random() < share;

/** What was reached, so that the day was not a quiet one. */
const seen: Record<string, number> = {};
const note = (what: string) => {
  seen[what] = (seen[what] ?? 0) + 1;
};

const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`);

const world = await CallWorld.create();
const { clock } = world;
world.fabric.subscribe('voicemail.stored', () => note('voice message'));
const later = (ms: number, action: () => void) => void clock.setTimeout(action, ms);
let over = false;

/** A person's device: it rings, and does something or nothing about it. */
function arrives(session: UasSession): void {
  later(between(10, 300), () => session.progress(180));
  const what = random();
  later(between(200, 12_000), () => {
    if (session.state !== 'early') return;
    if (what < 0.35) session.accept({ sdp: sdpOf('device') });
    else if (what < 0.45) session.reject(486);
    else if (what < 0.5) session.reject(603);
    else if (what < 0.55) session.reject(480);
  });
  // Its CANCEL may be lost with the network: nobody listens to it ringing for ever.
  later(90_000, () => session.state === 'early' && session.reject(480));
  // So may its BYE.
  const talkMs = chance(0.5) ? between(5_000, 300_000) : 500_000;
  session.on('confirmed', () => later(talkMs, () => session.bye()));
}

const sdpOf = (name: string) =>
  `v=0\r\no=${name} 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0 8\r\na=sendrecv\r\n`;

/** A caller: cancels, waits for somebody or the mailbox, and hangs up in the end. */
function calls(): void {
  if (over) return;
  later(between(5_000, 55_000), calls);
  const unknown = chance(0.08);
  const caller: TestCaller = world.dial(
    unknown ? { headers: [['Diversion', `<sip:${numbers.nobody}@c>;reason=unavailable`]] } : {},
  );
  const { session } = caller;
  if (chance(0.2)) later(between(0, 20_000), () => session.state !== 'accepted' && session.cancel());
  session.on('accepted', () => {
    note('accepted');
    if (chance(0.1))
      later(between(500, 4_000), () => session.state === 'accepted' && void session.reinvite(sdpOf('trunk')));
    later(between(1_000, 400_000), () => session.bye());
  });
  session.on('rejected', ({ status }) => note(`rejected ${status}`));
  session.on('ended', ({ by }) => note(`ended by ${by}`));
  // A device that joins while the call rings.
  if (chance(0.1)) later(2_000, () => void register(pick(devices)));
}

const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;

async function register(device: TestDevice, expires = 300): Promise<void> {
  const { status } = await device.register(expires);
  note(`REGISTER ${status}`);
}

/** It refreshes in time, mostly; else it logs out, expires, loses its connection, or falls silent, and comes back. */
function lives(device: TestDevice): void {
  if (over) return;
  later(between(120_000, 200_000), () => lives(device));
  const what = random();
  if (what < 0.85) void register(device);
  else if (what < 0.9) void register(device, 0);
  else if (what < 0.93) note('expires');
  else if (what < 0.97) {
    note('connection lost');
    device.flow?.close();
    later(between(1_000, 60_000), () => {
      if (device.flow) world.connect(device);
      void register(device);
    });
  } else {
    note('falls silent');
    world.network.cut(device.host);
    later(between(10_000, 900_000), () => {
      world.network.mend(device.host);
      if (device.flow?.closed) world.connect(device);
    });
  }
}

const devices: TestDevice[] = [];
for (let n = 0; n < 6; n++) {
  const device = await world.device({ webSocket: n % 3 === 0 });
  device.stack.on('invite', arrives);
  devices.push(device);
}
world.network.conditions = { delayMs: [2, 60], loss: 0.01, duplicate: 0.01 };
for (const device of devices) later(between(0, 150_000), () => lives(device));
calls();

/** What the test's own stand-ins remember is not the server's. */
function forget(): void {
  world.events.length = 0;
  world.logLines.length = 0;
  world.sms.length = 0;
  world.media.connections.length = 0;
  world.media.legs.splice(0, world.media.legs.length, ...world.media.open);
  for (const device of devices) {
    device.calls.length = 0;
    device.reasons.length = 0;
  }
}

async function pass(seconds: number): Promise<void> {
  for (let n = 0; n < seconds; n++) {
    await clock.advance(1_000);
    while (process.getActiveResourcesInfo().some((name) => /^(FSReq|CloseReq)/.test(name)))
      await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function heapBytes(): number {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('run with --expose-gc');
  gc();
  gc();
  return process.memoryUsage().heapUsed;
}

for (let hour = 1; hour <= hours; hour++) {
  await pass(3_600);
  forget();
  say({ hour, heapBytes: heapBytes() });
}

over = true;
for (const device of devices) world.network.mend(device.host);
world.network.conditions = { delayMs: [1, 1], loss: 0, duplicate: 0 };
await pass(1_000);
await world.settled();
for (const device of devices) {
  if (device.flow?.closed) world.connect(device);
  await world.wait(device.register(0));
  device.flow?.close();
}
await pass(1_000);
const end = {
  stack: world.stack.stats(),
  devices: devices.map((device) => device.stack.stats()),
  calls: world.calls.active().length,
  legs: world.media.open.length,
  available: world.registrar.availableNow('ann').length,
  listenerErrors: world.stack.counters.listenerErrors,
  seen,
};
await world.close();
say({ end });
