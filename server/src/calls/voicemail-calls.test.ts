import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { closeWorld, createWorld, onlyRow, world } from './testing/scenes.ts';
import { numbers } from './testing/world.ts';

afterEach(closeWorld);

describe('voicemail', () => {
  test('no device: greeting, beep, message, SMS; recorded before it is announced', async () => {
    await createWorld();
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(world.media.greetingMs + 2000);
    caller.session.bye();
    await world.settled();
    const [leg] = world.media.legs;
    expect(leg?.played.map((source) => ('toneHz' in source ? source.toneHz : 'greeting'))).toEqual([
      'greeting',
      1000,
    ]);
    const [message] = await world.alerting.voicemails('ann');
    expect(message).toMatchObject({ number: numbers.person, calling: numbers.caller, durationMs: 2500 });
    expect(await onlyRow()).toMatchObject({ outcome: 'voicemail', cause: 'nobody' });
    expect(world.sms).toEqual([{ to: numbers.person, text: `You have a message from ${numbers.caller}.` }]);
    expect(world.events.at(-1)).toBe('voicemail.stored');
  });

  test('a caller who says nothing has only missed the person', async () => {
    await createWorld();
    world.media.voiceMs = 100;
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(world.media.greetingMs + 2000);
    caller.session.bye();
    await world.settled();
    expect(await world.alerting.voicemails('ann')).toEqual([]);
    expect(await onlyRow()).toMatchObject({ outcome: 'missed' });
    expect(world.sms).toEqual([{ to: numbers.person, text: `You missed a call from ${numbers.caller}.` }]);
  });

  test('"#" ends the message and we hang up', async () => {
    await createWorld();
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(world.media.greetingMs + 2000);
    world.media.legs[0]?.emit('dtmf', { key: '#', durationMs: 100 });
    await world.settled();
    expect(caller.endedBy).toBe('peer');
    expect(await world.alerting.voicemails('ann')).toHaveLength(1);
  });

  test('a disk that fails: the caller is let go, the call is recorded as failed, the person hears of it', async () => {
    await createWorld();
    await rm(join(world.dataDir, 'voicemail'), { recursive: true });
    const caller = world.dial();
    await world.until('we hang up', () => caller.endedBy === 'peer');
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'failed', cause: 'nobody' });
    expect(world.sms).toEqual([{ to: numbers.person, text: `You missed a call from ${numbers.caller}.` }]);
  });

  test('a disk that is full at the end of a message: the same, and the call holds nothing', async () => {
    await createWorld();
    world.media.diskFull = true;
    const caller = world.dial();
    await world.pass(world.media.greetingMs + 3000);
    caller.session.bye();
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'failed', cause: 'nobody' });
    expect(world.calls.active()).toEqual([]);
    expect(world.sms).toHaveLength(1);
  });

  test('a disk that fails while a message is recorded: the caller is let go at once, and told the cause', async () => {
    await createWorld();
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    await world.pass(world.media.greetingMs + 2000);
    await world.media.legs[0]?.failRecording();
    await world.until('we hang up', () => caller.endedBy === 'peer', 2000);
    expect(caller.endReason).toBe('Q.850;cause=41;text="Temporary failure"');
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'failed', cause: 'nobody' });
    // The note of the message is still there: the next start finds what was written.
    expect(await readdir(join(world.dataDir, 'voicemail'))).toHaveLength(1);
  });

  test('keys by INFO end the message like those of RFC 4733', async () => {
    await createWorld();
    const caller = world.dial();
    await world.until('voicemail answers', () => caller.final?.status === 200);
    const press = (body: string, contentType = 'application/dtmf-relay') =>
      world.wait(caller.session.sendRequest('INFO', { contentType, body }));
    expect((await press('Signal=#\r\nDuration=160')).status).toBe(200);
    await world.until('it skips the greeting', () => world.media.legs[0]?.played.length === 2, 1000);
    await world.pass(2000);
    // What is no key ends nothing, and what nobody understands is refused (RFC 6086).
    expect((await press('Signal=5')).status).toBe(200);
    expect((await press('hello', 'text/plain')).status).toBe(415);
    expect(caller.endedBy).toBeUndefined();
    await press('#', 'application/dtmf');
    await world.settled();
    expect(caller.endedBy).toBe('peer');
    expect(await world.alerting.voicemails('ann')).toHaveLength(1);
  });

  test('missed-call alert only: not answered, 480', async () => {
    await createWorld({ answerMode: 'mca' });
    const caller = await world.dialAndFail();
    expect(caller.final?.status).toBe(480);
    expect(caller.final?.headers.get('Reason')).toBe('Q.850;cause=20;text="Subscriber absent"');
    await world.settled();
    expect(await onlyRow()).toMatchObject({ outcome: 'missed', answered_at: null });
    expect(world.sms).toHaveLength(1);
  });
});
