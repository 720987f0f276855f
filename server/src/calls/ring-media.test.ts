import { VirtualClock } from '@ringthrough/sip/testing';
import { expect, test } from 'vitest';
import { FakeMedia } from '../media/testing/index.ts';
import { RingMedia } from './ring-media.ts';

const started = () => {
  const media = new FakeMedia(new VirtualClock());
  return { media, ringing: new RingMedia({ callId: 'call', media, codecs: () => ['PCMA', 'PCMU'] }) };
};

test('softphones are offered the same media, which closes when none of them needs it', async () => {
  const { media, ringing } = started();
  const [first, second] = await Promise.all([ringing.offer('rtp'), ringing.offer('rtp')]);
  expect(media.legs).toHaveLength(1);
  expect(second.sdp).toBe(first.sdp);
  await first.release();
  await first.release();
  expect(media.open).toHaveLength(1);
  await second.release();
  expect(media.open).toEqual([]);
});

test('one that comes when all have gone gets new media', async () => {
  const { media, ringing } = started();
  await (await ringing.offer('rtp')).release();
  const late = await ringing.offer('rtp');
  expect(media.open).toEqual([late.leg]);
  await late.release();
});

test('each browser gets its own, with Opus first', async () => {
  const { media, ringing } = started();
  const [first, second] = await Promise.all([ringing.offer('webrtc'), ringing.offer('webrtc')]);
  expect(media.legs.map(({ options }) => options.codecs)).toEqual(Array(2).fill(['opus', 'PCMA', 'PCMU']));
  await first.release();
  expect(media.open).toEqual([second.leg]);
  await second.release();
});

test('without a free port nobody is offered anything, and the next one may have more luck', async () => {
  const { media, ringing } = started();
  media.portsFree = 0;
  const results = await Promise.allSettled([ringing.offer('rtp'), ringing.offer('rtp')]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  media.portsFree = 1;
  const offered = await ringing.offer('rtp');
  await offered.release();
  expect(media.open).toEqual([]);
});

test('what was prepared is offered to the first, or closed when nobody rings', async () => {
  const { media, ringing } = started();
  ringing.prepare();
  const offered = await ringing.offer('rtp');
  expect(media.legs).toEqual([offered.leg]);
  await ringing.close();
  expect(media.open).toHaveLength(1);
  await offered.release();
  ringing.prepare();
  await ringing.close();
  await ringing.close();
  expect(media.legs).toHaveLength(2);
  expect(media.open).toEqual([]);
});
