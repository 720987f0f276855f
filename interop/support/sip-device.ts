import { type Registration, register, SipStack, type UasSession } from '@ringthrough/sip';
import { MediaPeer } from '../../server/src/media/test-support/media-peer.ts';
import type { SipCredentials } from './person.ts';
import { until } from './process.ts';
import type { Ringthrough } from './ringthrough.ts';

/** A softphone of our own libraries over UDP: rings, and accepts when told to. */
export class SipDevice {
  readonly #stack: SipStack;
  readonly #registration: Registration;
  readonly #calls: UasSession[] = [];
  readonly #media: MediaPeer[] = [];

  private constructor(stack: SipStack, registration: Registration) {
    this.#stack = stack;
    this.#registration = registration;
    stack.on('invite', (session) => {
      this.#calls.push(session);
      session.progress(180);
    });
  }

  /** Resolves when it is registered. @throws Error `failed` when it is refused */
  static async register(server: Ringthrough, sip: SipCredentials): Promise<SipDevice> {
    const listeners = [{ protocol: 'udp' as const, host: '127.0.0.1', port: 0 }];
    const stack = new SipStack({ userAgent: 'Test device', listeners });
    await stack.start();
    const registration = register({
      stack,
      address: `sip:${sip.user}@${sip.domain}`,
      target: { protocol: 'udp', host: '127.0.0.1', port: server.sipPort },
      credentials: { username: sip.user, password: sip.password },
    });
    const device = new SipDevice(stack, registration);
    const state = await until(() => (registration.state === 'registering' ? undefined : registration.state));
    if (state === 'registered') return device;
    await device.close();
    throw new Error(state);
  }

  /** Waits for the next call and takes it; its media is silent until told to speak. */
  async accept(listenFor: readonly number[]): Promise<MediaPeer> {
    const session = await until(() => this.#calls.find(({ state }) => state === 'early'));
    const media = await MediaPeer.open({ kind: 'rtp', codec: 'PCMA', listenFor });
    this.#media.push(media);
    media.wire.setRemote(session.offer ?? '', 'answerer');
    session.accept({ sdp: media.sdp() });
    return media;
  }

  /** Ends the newest call that it has accepted. */
  hangUp(): void {
    this.#calls.findLast(({ state }) => state === 'accepted' || state === 'confirmed')?.bye();
  }

  /** Resolves when nothing rings or is talked on any more. */
  async quiet(): Promise<void> {
    await until(() => this.#calls.every(({ state }) => state === 'terminated'), {
      describe: () => `calls are ${this.#calls.map(({ state }) => state).join(', ')}`,
    });
  }

  async close(): Promise<void> {
    await this.#registration.stop();
    await Promise.all(this.#media.map((media) => media.close()));
    await this.#stack.close();
  }
}
