import { SipStack, type UasSession } from '@ringthrough/sip';
import { MemoryNetwork, VirtualClock } from '@ringthrough/sip/testing';
import type { OutboundTrunkConfig } from '../../config.ts';
import { LocalFabric } from '../../fabric/index.ts';
import { createLogger } from '../../log.ts';
import { FakeMedia, fakeSdp } from '../../media/testing/index.ts';
import { type Carrier, TrunkDialer, VoiceCalls, type VoiceCallsOptions } from '../index.ts';

const outbound: OutboundTrunkConfig = {
  uri: 'sip:203.0.113.2',
  priority: 1,
  weight: 1,
  scheme: 'sip',
  userPhone: true,
  headers: [],
  optionsSeconds: 0,
  upAfter: 2,
  downAfter: 2,
  answerSeconds: 4,
  downSeconds: 30,
};

/** A carrier whose trunk takes calls of ours; a second one has none that does. */
export const voiceCarrier = {
  id: 'c',
  name: 'C',
  country: 'US',
  family: 'gsm',
  prefixes: ['+1'],
  cNumber: '+14155559000',
  trunks: [{ outbound }],
} satisfies Carrier;
export const mutedCarrier = {
  ...voiceCarrier,
  id: 'muted',
  trunks: [{ host: '203.0.113.9' }],
} satisfies Carrier;

type Limits = Partial<Pick<VoiceCallsOptions, 'maxConcurrent' | 'maxDurationMs'>>;

/** Calls of ours, over a trunk in memory, to a switch that does what the test says; media and time are the test's. */
export class VoiceWorld {
  readonly clock = new VirtualClock();
  readonly media = new FakeMedia(this.clock);
  /** INVITEs as the carrier's switch got them. */
  readonly invites: UasSession[] = [];
  /** What the switch was told at the end of its calls: `CANCEL`, or `BYE`, and the reason. */
  readonly goodbyes: string[] = [];
  readonly log = createLogger({ level: 'silent', destination: 'stderr' });
  readonly calls: VoiceCalls;
  readonly #stacks: readonly [ours: SipStack, theirs: SipStack];
  readonly #dialer: TrunkDialer;

  private constructor(limits: Limits) {
    const { clock, media, log } = this;
    const network = new MemoryNetwork({ clock });
    const stackAt = (host: string) =>
      new SipStack({
        userAgent: host,
        clock,
        network: network.host(host),
        listeners: [{ protocol: 'udp', host, port: 5060 }],
      });
    this.#stacks = [stackAt('203.0.113.1'), stackAt('203.0.113.2')];
    const fabric = new LocalFabric((error) => {
      throw error;
    });
    const load = { hasRoom: () => true, admits: () => true };
    const [stack] = this.#stacks;
    this.#dialer = new TrunkDialer({
      carriers: [voiceCarrier, mutedCarrier],
      stack,
      clock,
      load,
      fabric,
      log,
    });
    const usual = { maxConcurrent: 2, ringTimeoutMs: 45_000, maxDurationMs: 120_000 };
    this.calls = new VoiceCalls({ dialer: this.#dialer, media, clock, log, ...usual, ...limits });
  }

  static async create(limits: Limits = {}): Promise<VoiceWorld> {
    const world = new VoiceWorld(limits);
    for (const stack of world.#stacks) await stack.start();
    world.#stacks[1].on('invite', (session) => world.#arrived(session));
    return world;
  }

  /** The INVITE that the switch got last. */
  get invite(): UasSession {
    const session = this.invites.at(-1);
    if (session === undefined) throw new Error('the switch got no INVITE');
    return session;
  }

  /** Lets messages pass. */
  async settle(ms = 10): Promise<void> {
    await this.clock.advance(ms);
  }

  async answer(session = this.invite): Promise<void> {
    session.accept({ sdp: fakeSdp('phone') });
    await this.settle();
  }

  /** The callee presses keys, as RFC 4733 events. */
  press(keys: string): void {
    for (const key of keys) this.media.open.at(-1)?.emit('dtmf', { key, durationMs: 100 });
  }

  /** Ends everything. @throws when anything is left */
  async close(): Promise<void> {
    await this.calls.close();
    const closing = this.#dialer.close();
    await this.clock.advance(100_000);
    await closing;
    const left = [`${this.media.open.length} legs`, `${this.calls.active} calls`];
    for (const stack of this.#stacks) {
      const { dialogs, clientTransactions, timers } = stack.stats();
      left.push(`${dialogs} dialogs`, `${clientTransactions} transactions`, `${timers} timers`);
      await stack.close();
    }
    await this.clock.advance(1_000);
    left.push(`${this.clock.pending} timers of the test`);
    const leaks = left.filter((text) => !text.startsWith('0 '));
    if (leaks.length > 0) throw new Error(`left: ${leaks.join(', ')}`);
  }

  #arrived(session: UasSession): void {
    this.invites.push(session);
    session.on('cancelled', ({ headers }) => this.goodbyes.push(`CANCEL ${headers.get('Reason')}`));
    session.on('ended', ({ request }) => this.goodbyes.push(`BYE ${request?.headers.get('Reason')}`));
  }
}
