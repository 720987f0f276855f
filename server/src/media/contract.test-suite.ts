import { createSocket } from 'node:dgram';
import { statSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseWav, recoverWav, ToneDetector, ToneGenerator, writeWav } from '@ringthrough/rtp';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { LegKind, MediaLeg, MediaPlane } from './media-plane.ts';
import { fillDisk } from './test-support/failing-disk.ts';
import { MediaPeer, type PeerCodec, type PeerOptions, until } from './test-support/media-peer.ts';
import type { WebrtcWire } from './test-support/wire.ts';

export interface PlaneTestOptions {
  silenceTimeoutSeconds: number;
  rtpPorts: { min: number; max: number };
}

/** What every MediaPlane has to do. Times are those of real audio: the peers speak and listen in real time. */
export function describeMediaPlane(
  name: string,
  start: (options: PlaneTestOptions) => Promise<MediaPlane>,
): void {
  describe(`${name} keeps the MediaPlane contract`, () => {
    let plane: MediaPlane;
    let folder: string;
    const peers: MediaPeer[] = [];
    const legs: MediaLeg[] = [];

    beforeAll(async () => {
      plane = await start({ silenceTimeoutSeconds: 1, rtpPorts: { min: 0, max: 0 } });
      folder = await mkdtemp(join(tmpdir(), 'media-'));
    });
    afterEach(async () => {
      await Promise.all(legs.splice(0).map((leg) => leg.close()));
      await Promise.all(peers.splice(0).map((peer) => peer.close()));
      expect((await plane.stats()).legs).toBe(0);
    });
    afterAll(async () => {
      await plane.close();
      await rm(folder, { recursive: true });
    });

    async function openLeg(kind: LegKind, codecs: readonly PeerCodec[]): Promise<MediaLeg> {
      const leg = await plane.openLeg({ callId: 'call', kind, codecs });
      legs.push(leg);
      return leg;
    }

    async function openPeer(options: PeerOptions): Promise<MediaPeer> {
      const peer = await MediaPeer.open(options);
      peers.push(peer);
      return peer;
    }

    /** A leg with a peer that has called it, or was called. */
    async function pair(options: PeerOptions & { called?: boolean }) {
      const peer = await openPeer(options);
      const leg = await openLeg(options.kind, [options.codec]);
      if (options.called) await peer.answerTo(leg);
      else await peer.offerTo(leg);
      return { peer, leg };
    }

    async function hearEachOther(a: MediaPeer, b: MediaPeer): Promise<void> {
      a.speak(1000);
      b.speak(440);
      await until('b hears 1000 Hz', () => b.heard.heardMs(1000) >= 400);
      await until('a hears 440 Hz', () => a.heard.heardMs(440) >= 400);
      expect([a.heard.heardMs(1000), b.heard.heardMs(440)]).toEqual([0, 0]);
    }

    describe('connects', () => {
      const rtp = (codec: PeerCodec) => ({ kind: 'rtp' as const, codec });
      const webrtc = (codec: PeerCodec) => ({ kind: 'webrtc' as const, codec });
      it.each([
        ['PCMA with PCMA', rtp('PCMA'), rtp('PCMA')],
        ['PCMA with PCMU', rtp('PCMA'), rtp('PCMU')],
        ['G.711 with Opus', rtp('PCMU'), rtp('opus')],
        ['a trunk with a browser that calls', rtp('PCMA'), webrtc('opus')],
        ['a trunk with a browser that is called', rtp('PCMU'), { ...webrtc('opus'), called: true }],
        ['two browsers', webrtc('opus'), { ...webrtc('opus'), called: true }],
        ['G.711 over DTLS-SRTP', rtp('PCMA'), webrtc('PCMA')],
      ])('%s, tones both ways', async (_, first, second) => {
        const a = await pair(first);
        const b = await pair(second);
        await plane.connect(a.leg, b.leg);
        await hearEachOther(a.peer, b.peer);
        expect([a.peer.ssrcs.length, b.peer.ssrcs.length]).toEqual([1, 1]);
      });

      it('a leg that hears nothing yet, without harm to the other', async () => {
        const a = await pair(rtp('PCMA'));
        const b = await pair(rtp('opus'));
        await plane.connect(a.leg, b.leg);
        a.peer.speak(1000);
        await until('b hears 1000 Hz', () => b.peer.heard.heardMs(1000) >= 200);
        expect(a.peer.packets).toBe(0);
        b.peer.speak(440);
        await until('a hears 440 Hz', () => a.peer.heard.heardMs(440) >= 200);
      });

      it('and goes on when one leg is closed and another takes its place', async () => {
        const a = await pair(rtp('PCMA'));
        const b = await pair(rtp('PCMA'));
        await plane.connect(a.leg, b.leg);
        a.peer.speak(1000);
        await until('b hears a', () => b.peer.heard.heardMs(1000) >= 100);
        await b.leg.close();
        const c = await pair(rtp('opus'));
        await plane.connect(a.leg, c.leg);
        await until('c hears a', () => c.peer.heard.heardMs(1000) >= 200);
      });

      it('one stream to the peer, whatever it is made of: played, then bridged', async () => {
        const a = await pair(rtp('PCMA'));
        const b = await pair(rtp('PCMA'));
        a.peer.speak(1000);
        expect(await b.leg.play({ toneHz: 440, durationMs: 200 })).toBe('ended');
        await plane.connect(a.leg, b.leg);
        await until('b hears a', () => b.peer.heard.heardMs(1000) >= 200);
        expect(b.peer.ssrcs.length).toBe(1);
        expect(b.peer.gaps).toBe(0);
      });
    });

    describe('negotiates', () => {
      it('the codec that comes first in the offer (RFC 3264 section 6.1)', async () => {
        const leg = await openLeg('rtp', ['PCMA', 'PCMU']);
        const peer = await openPeer({ kind: 'rtp', codec: 'PCMU' });
        const sdp = peer.sdp().replace(/m=audio (\d+) RTP\/AVP 0 101/, 'm=audio $1 RTP/AVP 0 8 101');
        const answer = await leg.acceptOffer(sdp);
        expect(answer).toMatch(/m=audio \d+ RTP\/AVP 0 101\r\n/);
        expect(answer).toContain('a=rtpmap:101 telephone-event/8000');
      });

      it('a leg that is opened with its description: the answer to an offer, or an offer', async () => {
        const before = await plane.stats();
        const wanted = { callId: 'call', kind: 'rtp', codecs: ['PCMA', 'PCMU'] } as const;
        const caller = await openPeer({ kind: 'rtp', codec: 'PCMU' });
        const answered = plane.openAnsweringLeg(wanted, caller.sdp());
        expect(await answered.answer).toMatch(/m=audio \d+ RTP\/AVP 0 101\r\n/);
        const offering = await plane.openOfferingLeg(wanted);
        expect(offering.sdp).toMatch(/m=audio \d+ RTP\/AVP 8 0 101\r\n/);
        const callee = await openPeer({ kind: 'rtp', codec: 'PCMU' });
        // In order, without waiting for one another.
        await Promise.all([
          offering.leg.acceptAnswer(callee.sdp()),
          plane.connect(answered.leg, offering.leg),
        ]);
        await Promise.all([answered.leg.close(), offering.leg.close()]);
        await expect(plane.openAnsweringLeg(wanted, 'v=1').answer).rejects.toMatchObject({ code: 'bad-sdp' });
        expect(await plane.stats()).toEqual(before);
      });

      it('refuses media lines it does not know, in their places', async () => {
        const leg = await openLeg('webrtc', ['opus']);
        const peer = await openPeer({ kind: 'webrtc', codec: 'opus' });
        const video = ['m=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:1', 'a=rtpmap:96 VP8/90000'];
        const data = ['m=application 9 UDP/DTLS/SCTP webrtc-datachannel', 'a=mid:2'];
        const answer = await peer.offerTo(leg, ['a=sendrecv', ...video, ...data]);
        expect(answer.match(/^m=.*$/gm)?.map((line) => line.trim())).toEqual([
          expect.stringMatching(/^m=audio [1-9]\d* UDP\/TLS\/RTP\/SAVPF 111 110$/),
          'm=video 0 UDP/TLS/RTP/SAVPF 96',
          'm=application 0 UDP/DTLS/SCTP webrtc-datachannel',
        ]);
        expect(answer).toContain('a=group:BUNDLE 0\r\n');
        expect(answer).toContain('a=ice-lite');
        expect(answer).toContain('a=setup:passive');
      });

      it('says why it cannot', async () => {
        const leg = await openLeg('rtp', ['PCMA']);
        const peer = await openPeer({ kind: 'rtp', codec: 'opus' });
        await expect(leg.acceptOffer('hello')).rejects.toMatchObject({ code: 'bad-sdp' });
        await expect(leg.acceptOffer('v=0\r\nm=audio x RTP/AVP 8\r\n')).rejects.toMatchObject({
          code: 'bad-sdp',
        });
        await expect(leg.acceptOffer(peer.sdp())).rejects.toMatchObject({ code: 'no-common-codec' });
        await expect(leg.acceptAnswer(peer.sdp())).rejects.toMatchObject({ code: 'wrong-state' });
        await expect(leg.play({ toneHz: 440, durationMs: 20 })).rejects.toMatchObject({
          code: 'wrong-state',
        });
        const other = await openLeg('rtp', ['PCMA']);
        await expect(plane.connect(leg, other)).rejects.toMatchObject({ code: 'wrong-state' });
        await leg.close();
        await expect(leg.createOffer()).rejects.toMatchObject({ code: 'closed' });
      });

      it('hold and resume by re-offers, to a new address', async () => {
        const a = await pair({ kind: 'rtp', codec: 'PCMA' });
        const b = await pair({ kind: 'rtp', codec: 'opus' });
        await plane.connect(a.leg, b.leg);
        await hearEachOther(a.peer, b.peer);
        expect(await a.peer.offerTo(a.leg, ['a=sendonly'])).toContain('a=recvonly');
        await until('nothing comes any more', () => {
          const before = a.peer.packets;
          a.peer.packets = 0;
          return before === 0;
        });
        expect(await a.peer.offerTo(a.leg, ['a=inactive'])).toContain('a=inactive');
        const moved = await openPeer({ kind: 'rtp', codec: 'PCMA' });
        const answer = await moved.offerTo(a.leg);
        expect(answer).toContain('a=sendrecv');
        expect(answer).toMatch(/^o=- \d+ 4 /m);
        a.peer.mute();
        await hearEachOther(moved, b.peer);
      });

      it('another codec in the middle of a call', async () => {
        const a = await pair({ kind: 'rtp', codec: 'PCMA' });
        const leg = await openLeg('rtp', ['opus', 'PCMA']);
        const before = await openPeer({ kind: 'rtp', codec: 'PCMA' });
        await before.offerTo(leg);
        await plane.connect(a.leg, leg);
        await hearEachOther(a.peer, before);
        before.mute();
        const after = await openPeer({ kind: 'rtp', codec: 'opus' });
        await after.offerTo(leg);
        after.speak(1700);
        await until('the new codec is heard', () => after.heard.heardMs(1000) >= 200);
        await until('and hears', () => a.peer.heard.heardMs(1700) >= 200);
      });
    });

    describe('key presses', () => {
      it.each([
        ['pass through', 'PCMA', 'PCMA'],
        ['are translated from 8 to 48 kHz', 'PCMA', 'opus'],
        ['are translated from 48 to 8 kHz', 'opus', 'PCMU'],
      ] as const)('%s, and are told once each', async (_, from, to) => {
        const a = await pair({ kind: 'rtp', codec: from });
        const b = await pair({ kind: 'rtp', codec: to });
        const told: string[] = [];
        a.leg.on('dtmf', ({ key, durationMs }) => told.push(`${key} ${Math.abs(durationMs - 120) <= 20}`));
        await plane.connect(a.leg, b.leg);
        b.peer.speak();
        a.peer.speak();
        for (const key of '12#') a.peer.press(key);
        await until('b has the keys', () => b.peer.keys.length >= 3);
        expect(b.peer.keys).toEqual(['1', '2', '#']);
        expect(told).toEqual(['1 true', '2 true', '# true']);
      });
    });

    describe('plays and records', () => {
      it('plays a tone and a file of another sample rate to the end', async () => {
        const { leg, peer } = await pair({ kind: 'rtp', codec: 'opus' });
        expect(await leg.play({ toneHz: 1000, durationMs: 400 })).toBe('ended');
        const samples = new Int16Array(44_100 / 2);
        new ToneGenerator({ sampleRate: 44_100, frequencies: [440] }).fill(samples);
        const file = join(folder, 'greeting.wav');
        await writeWav(file, { sampleRate: 44_100, channels: 1, samples });
        expect(await leg.play({ file })).toBe('ended');
        await until(
          'both were heard',
          () => peer.heard.heardMs(440) >= 320 && peer.heard.heardMs(1000) >= 240,
        );
        await expect(leg.play({ file: join(folder, 'none.wav') })).rejects.toMatchObject({
          code: 'bad-source',
        });
      });

      it('plays parts one after the other, silence among them, in one stream', async () => {
        const { leg, peer } = await pair({ kind: 'rtp', codec: 'PCMA' });
        const file = join(folder, 'part.wav');
        const samples = new Int16Array(8000 * 0.4);
        new ToneGenerator({ sampleRate: 8000, frequencies: [440] }).fill(samples);
        await writeWav(file, { sampleRate: 8000, channels: 1, samples });
        const packets = peer.packets;
        const parts = [{ file }, { silenceMs: 200 }, { toneHz: 1000, durationMs: 400 }];
        expect(await leg.play({ parts })).toBe('ended');
        await until(
          'both were heard',
          () => peer.heard.heardMs(440) >= 320 && peer.heard.heardMs(1000) >= 320,
        );
        await until('the silence came, too', () => peer.packets - packets >= 50);
        expect(peer.ssrcs).toHaveLength(1);
        await expect(
          leg.play({ parts: [{ silenceMs: 20 }, { file: join(folder, 'none.wav') }] }),
        ).rejects.toMatchObject({ code: 'bad-source' });
      });

      it('stops playing when told, when connected and when closed', async () => {
        const a = await pair({ kind: 'rtp', codec: 'PCMA' });
        const b = await pair({ kind: 'rtp', codec: 'PCMA' });
        const stopped = async (stop: () => Promise<unknown>) => {
          const playing = a.leg.play({ toneHz: 1000, durationMs: 60_000 });
          const packets = a.peer.packets;
          await until('playing has begun', () => a.peer.packets > packets);
          await stop();
          return playing;
        };
        expect(await stopped(() => a.leg.stopPlaying())).toBe('stopped');
        expect(await stopped(() => plane.connect(a.leg, b.leg))).toBe('stopped');
        await expect(a.leg.play({ toneHz: 1000, durationMs: 20 })).rejects.toMatchObject({
          code: 'wrong-state',
        });
        await b.leg.close();
        expect(await stopped(() => a.leg.close())).toBe('stopped');
      });

      it('begins to play to a browser when it can hear', async () => {
        const leg = await openLeg('webrtc', ['opus']);
        const peer = await openPeer({ kind: 'webrtc', codec: 'opus' });
        const answer = await leg.acceptOffer(peer.sdp());
        const playing = leg.play({ toneHz: 1000, durationMs: 300 });
        peer.wire.setRemote(answer, 'offerer');
        expect(await playing).toBe('ended');
        await until('all of it was heard', () => peer.heard.heardMs(1000) >= 200);
      });

      it.each(['rtp', 'webrtc'] as const)(
        'records what comes over %s, and tells voice from silence',
        async (kind) => {
          const { leg, peer } = await pair({ kind, codec: kind === 'rtp' ? 'PCMA' : 'opus' });
          const path = join(folder, `${kind}.wav`);
          peer.speak(1000);
          await new Promise<void>((resolve) => leg.on('media', resolve));
          await leg.record({ path, maxDurationMs: 10_000 });
          await until('500 ms of it are on the disk', () => (sizeOf(path) ?? 0) > 44 + 2 * 8 * 500);
          peer.speak();
          await new Promise((resolve) => setTimeout(resolve, 400));
          const result = await leg.stopRecording();
          expect(await leg.stopRecording()).toEqual(result);
          const wav = parseWav(await readFile(path))!;
          expect(result.durationMs).toBe(Math.round((1000 * wav.samples.length) / wav.sampleRate));
          const detector = new ToneDetector({ sampleRate: wav.sampleRate, frequencies: [440, 1000] });
          detector.push(wav.samples);
          expect(detector.heardMs(1000)).toBeGreaterThan(400);
          expect(result.voiceMs).toBeGreaterThan(400);
          expect(result.voiceMs).toBeLessThan(result.durationMs - 100);
        },
      );

      it('ends a recording by itself at its maximum, after silence, and when the leg is closed', async () => {
        const { leg, peer } = await pair({ kind: 'rtp', codec: 'PCMA' });
        const ended = () =>
          new Promise<{ durationMs: number; voiceMs: number }>((resolve) =>
            leg.on('recordingEnded', resolve),
          );
        peer.speak(1000);
        let next = ended();
        await leg.record({ path: join(folder, 'max.wav'), maxDurationMs: 300 });
        expect(await next).toMatchObject({ durationMs: 300 });
        peer.mute();
        next = ended();
        await leg.record({ path: join(folder, 'silence.wav'), maxDurationMs: 5000, maxSilenceMs: 400 });
        expect((await next).durationMs).toBeLessThan(1500);
        await expect(leg.record({ path: join(folder, 'max.wav'), maxDurationMs: 300 })).rejects.toMatchObject(
          {
            code: 'bad-source',
          },
        );
        next = ended();
        await leg.record({ path: join(folder, 'closed.wav'), maxDurationMs: 5000 });
        await leg.close();
        await next;
        expect(await recoverWav(join(folder, 'closed.wav'))).toBeDefined();
      });

      it('tells when a recording ends because the disk fails, and keeps what was written', async () => {
        const { leg, peer } = await pair({ kind: 'rtp', codec: 'PCMA' });
        const path = join(folder, 'disk.wav');
        const failed = new Promise<void>((resolve) => leg.on('recordingFailed', resolve));
        peer.speak(1000);
        await leg.record({ path, maxDurationMs: 60_000 });
        await until('500 ms of it are on the disk', () => (sizeOf(path) ?? 0) > 44 + 2 * 8 * 500);
        fillDisk(path);
        await failed;
        await expect(leg.stopRecording()).rejects.toThrow();
        expect(await recoverWav(path)).toBeGreaterThanOrEqual(500);
        // The leg is as good as before.
        expect(await leg.play({ toneHz: 440, durationMs: 100 })).toBe('ended');
      });

      it('sends an echo', async () => {
        const { leg, peer } = await pair({ kind: 'webrtc', codec: 'opus' });
        await leg.echo();
        peer.speak(440);
        await until('the echo is heard', () => peer.heard.heardMs(440) >= 300);
      });
    });

    describe('watches', { timeout: 15_000 }, () => {
      it('tells of the first packet, of silence, and of silence after that', async () => {
        const { leg, peer } = await pair({ kind: 'rtp', codec: 'PCMA' });
        const events: string[] = [];
        leg.on('media', () => events.push('media'));
        leg.on('silent', () => events.push('silent'));
        peer.speak();
        await until('media', () => events.length === 1);
        peer.mute();
        await until('silence', () => events.length === 2);
        await leg.echo();
        peer.speak();
        await until('packets come back', () => peer.packets > 0);
        peer.mute();
        await until('silence again', () => events.length === 3);
        expect(events).toEqual(['media', 'silent', 'silent']);
      });

      it('tells at once of a browser that has gone', async () => {
        const { leg, peer } = await pair({ kind: 'webrtc', codec: 'opus' });
        const events: string[] = [];
        leg.on('silent', () => events.push('silent'));
        peer.speak();
        await new Promise<void>((resolve) => leg.on('media', resolve));
        (peer.wire as WebrtcWire).hangUp();
        await until('silent', () => events.length === 1, 500);
      });

      it('refuses a browser whose certificate is not the announced one', async () => {
        const leg = await openLeg('webrtc', ['opus']);
        const peer = await openPeer({ kind: 'webrtc', codec: 'opus' });
        (peer.wire as WebrtcWire).fingerprint = Array(32).fill('00').join(':');
        await peer.offerTo(leg);
        const wire = peer.wire as WebrtcWire;
        await until('the handshake has failed', () => wire.dtlsState === 'failed');
      });

      it('reports, and closes once', async () => {
        const a = await pair({ kind: 'rtp', codec: 'PCMA' });
        const b = await pair({ kind: 'webrtc', codec: 'opus' });
        await plane.connect(a.leg, b.leg);
        await hearEachOther(a.peer, b.peer);
        await until('reports came', () => a.peer.rtcpKinds.has('sr') && b.peer.rtcpKinds.has('sr'));
        b.peer.sendReport();
        b.peer.speak(1700);
        // On one port nothing overtakes: when the tone is heard, the report has been read.
        await until('a hears what b sent after its report', () => a.peer.heard.heardMs(1700) >= 40);
        const report = await b.leg.close();
        expect(report).toMatchObject({ codec: 'opus', packetsLost: 0 });
        expect(report.packetsReceived).toBeGreaterThan(20);
        expect(report.packetsSent).toBeGreaterThan(20);
        expect(report.roundTripMs).toBeLessThan(2000);
        expect(Math.abs(report.firstPacketAt! - Date.now())).toBeLessThan(10_000);
        expect(await b.leg.close()).toEqual(report);
        await a.leg.close();
        await until('goodbye came', () => a.peer.rtcpKinds.has('bye'));
      });
    });

    describe('withstands', () => {
      it('garbage at its ports, in the middle of a call', async () => {
        const a = await pair({ kind: 'rtp', codec: 'PCMA' });
        const b = await pair({ kind: 'webrtc', codec: 'opus' });
        await plane.connect(a.leg, b.leg);
        await hearEachOther(a.peer, b.peer);
        const socket = createSocket('udp4');
        const remotes = [a.peer, b.peer].map((peer) => Number(/m=audio (\d+)/.exec(peer.lastAnswer)![1]));
        const ports = remotes.flatMap((port) => [port, port + 1]);
        for (let i = 0; i < 2000; i++) {
          const garbage = Buffer.from(
            Array.from({ length: (i * 7) % 90 }, (_, at) => (i * 31 + at * at * 17) & 0xff),
          );
          if (garbage.length > 0) garbage[0] = i & 0xff;
          socket.send(garbage, ports[i % ports.length]!, '127.0.0.1');
        }
        await new Promise<void>((resolve) => socket.close(() => resolve()));
        // And from the peers' own addresses, which are believed.
        for (let i = 0; i < 100; i++) {
          a.peer.wire.sendRtp(
            Buffer.from(Array.from({ length: i }, (_, at) => (at === 0 ? 0x80 : i * at) & 0xff)),
          );
          a.peer.wire.sendRtcp(
            Buffer.from(Array.from({ length: i }, (_, at) => (at === 0 ? 0x81 : i * at) & 0xff)),
          );
        }
        const before = b.peer.heard.heardMs(1000);
        await until('b still hears a', () => b.peer.heard.heardMs(1000) >= before + 300);
      });

      it('running out of ports, and gives them back', async () => {
        const base = 20_000 + 2 * Math.floor(Math.random() * 5000);
        const small = await start({ silenceTimeoutSeconds: 1, rtpPorts: { min: base, max: base + 3 } });
        const open = () => small.openLeg({ callId: 'c', kind: 'rtp', codecs: ['PCMA'] });
        const first = await open();
        await open();
        expect(await small.stats()).toEqual({ legs: 2, rtpPortsFree: 0 });
        await expect(open()).rejects.toMatchObject({ name: 'MediaError', code: 'no-free-port' });
        await first.close();
        await open();
        await small.close();
        await expect(open()).rejects.toMatchObject({ code: 'closed' });
      });
    });
  });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
