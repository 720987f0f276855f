import type { SipResponse } from '@ringthrough/sip';
import type { RawPeer } from '@ringthrough/sip/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { fakeSdp } from '../media/testing/index.ts';
import { closeWorld, createWorld, onlyRow, rawDevice, world } from './testing/scenes.ts';
import type { TestCaller } from './testing/world.ts';

/** One registered contact that is a proxy with several telephones behind it: one INVITE, several answers. */
let proxy: RawPeer;
let caller: TestCaller;
const early: SipResponse[] = [];

async function ring(): Promise<void> {
  await createWorld();
  proxy = await rawDevice();
  caller = world.dial();
  early.length = 0;
  caller.session.on('provisional', (response) => early.push(response));
  await world.until('the INVITE came', () => proxy.received.length > 0);
}

afterEach(async () => {
  await world.settled();
  await proxy.close();
  await closeWorld();
});

/** A telephone behind the proxy says something. */
async function phone(
  tag: string,
  status: number,
  body = '',
  headers: Record<string, string> = {},
): Promise<void> {
  const invite = proxy.lastRequest('INVITE');
  proxy.respond(invite, status, { To: `${invite.headers.get('To')};tag=${tag}`, ...headers }, body);
  await world.pass(20);
}

/** Requests of one method, by the telephone that they are for. */
const sent = (method: string) =>
  proxy.received.flatMap((one) =>
    'method' in one && one.method === method
      ? [/tag=(\w+)/.exec(one.headers.get('To') ?? '')?.[1] ?? '']
      : [],
  );

/** Ends the call from the caller's side; the telephone that talks says yes to its BYE. */
async function hangUp(): Promise<void> {
  caller.session.bye();
  await world.until('it is hung up', () =>
    proxy.received.some((one) => 'method' in one && one.method === 'BYE'),
  );
  await answerByes();
}

async function answerByes(): Promise<void> {
  for (const one of proxy.received) if ('method' in one && one.method === 'BYE') proxy.respond(one, 200);
  await world.pass(20);
}

describe('several telephones behind one device leg', () => {
  test('two ring: the caller hears ringback once; one answers: it is connected', async () => {
    await ring();
    await phone('desk', 180);
    await phone('hall', 180);
    await phone('desk', 180);
    expect(caller.statuses).toEqual([180]);
    await phone('hall', 200, fakeSdp('hall'));
    await world.until('the caller is answered', () => caller.final?.status === 200);
    expect(sent('ACK')).toEqual(['hall']);
    await hangUp();
    expect(sent('BYE')).toEqual(['hall']);
  });

  test('two answer: the second is acknowledged and hung up, and told that it was elsewhere', async () => {
    await ring();
    await phone('desk', 180);
    await phone('hall', 180);
    await phone('desk', 200, fakeSdp('desk'));
    await phone('hall', 200, fakeSdp('hall'));
    await world.until('the second is hung up', () => sent('BYE').includes('hall'));
    expect(sent('ACK')).toEqual(['desk', 'hall']);
    expect(proxy.lastRequest('BYE').headers.get('Reason')).toBe(
      'SIP;cause=200;text="Call completed elsewhere"',
    );
    await answerByes();
    await world.until('the caller is answered', () => caller.final?.status === 200);
    expect(world.media.connections).toHaveLength(1);
    expect(world.calls.active()[0]?.state).toBe('connected');
    caller.session.bye();
    await world.until('the first is hung up', () => sent('BYE').includes('desk'));
    await answerByes();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'answered', cause: 'caller-hung-up' });
  });

  test('a second answer after the first telephone has hung up: the same', async () => {
    await ring();
    await phone('desk', 200, fakeSdp('desk'));
    await world.until('the caller is answered', () => caller.final?.status === 200);
    await hangUp();
    await phone('hall', 200, fakeSdp('hall'));
    await world.until('the second is hung up', () => sent('BYE').includes('hall'));
    await answerByes();
  });

  test('one hangs up its early dialog: the others ring on', async () => {
    await ring();
    await phone('desk', 180);
    await phone('hall', 180);
    const invite = proxy.lastRequest('INVITE');
    const bye = proxy.request('BYE', {
      From: `${invite.headers.get('To')};tag=desk`,
      To: invite.headers.get('From') ?? '',
      'Call-ID': invite.headers.get('Call-ID') ?? '',
      CSeq: '9 BYE',
    });
    proxy.send(bye);
    await world.pass(100);
    expect(proxy.lastResponse(200).headers.get('CSeq')).toBe('9 BYE');
    expect(world.calls.active()[0]?.state).toBe('ringing');
    await phone('hall', 200, fakeSdp('hall'));
    await world.until('the caller is answered', () => caller.final?.status === 200);
    await hangUp();
  });

  test('the caller gives up: one CANCEL for all of them', async () => {
    await ring();
    await phone('desk', 180);
    await phone('hall', 180);
    caller.session.cancel();
    await world.until('it is cancelled', () => sent('CANCEL').length > 0);
    proxy.respond(proxy.lastRequest('CANCEL'), 200);
    await phone('desk', 487);
    await world.settled();
    expect(sent('CANCEL')).toHaveLength(1);
  });
});

describe('early media of a device', () => {
  test('183 with SDP counts as ringing: the caller gets a 180 without SDP, and the answer may come from another', async () => {
    await ring();
    await phone('desk', 183, fakeSdp('desk'));
    await phone('hall', 183, fakeSdp('hall'));
    await world.until('ringback', () => caller.statuses.includes(180));
    expect(caller.statuses).toEqual([180]);
    expect(early.map(({ body }) => body.length)).toEqual([0]);
    // Nobody hears it: which of all that ring should it be?
    expect(world.media.connections).toEqual([]);
    await phone('hall', 200, fakeSdp('hall'));
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    expect(world.media.connections).toHaveLength(1);
    await hangUp();
  });

  test('reliable 183 of two telephones (RFC 3262): each gets its PRACK, and the answer is of who accepts', async () => {
    await ring();
    const reliable = { Require: '100rel', RSeq: '1' };
    await phone('desk', 183, fakeSdp('desk', '96'), reliable);
    await phone('hall', 183, fakeSdp('hall'), reliable);
    await world.pass(100);
    expect(sent('PRACK')).toEqual(['desk', 'hall']);
    for (const one of proxy.received) if ('method' in one && one.method === 'PRACK') proxy.respond(one, 200);
    // The description of the first has no codec of ours: it must not be taken for that of the second.
    await phone('hall', 200);
    await world.until('it is connected', () => world.calls.active()[0]?.state === 'connected');
    await hangUp();
  });

  test('199 ends one early dialog (RFC 6228) and is no ringing', async () => {
    await ring();
    await phone('desk', 199);
    await world.pass(100);
    expect(caller.statuses).toEqual([]);
    await phone('hall', 200, fakeSdp('hall'));
    await world.until('the caller is answered', () => caller.final?.status === 200);
    await hangUp();
  });
});
