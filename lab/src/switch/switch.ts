import { NodeNetwork, SipStack } from '@ringthrough/sip';
import type { TrunkCall, TrunkCallListener, TrunkCallRequest } from '../call/trunk-call.ts';
import { type Ladder, switchColumn } from '../ladder.ts';
import type { CarrierOptions, RedirectionHeaders } from '../model/types.ts';
import { summarize, type TracedMessage, TracingNetwork } from './tracing-network.ts';
import { TrunkInvite } from './trunk-invite.ts';

export interface SwitchOptions {
  carrier: CarrierOptions;
  host: string;
  /** Where the trunk leads. */
  server: { host: string; port: number };
  ladder: Ladder;
  log: { warn(details: Record<string, unknown>, message: string): void };
}

/** The carrier's switch (MSC) as the outside sees it: a SIP trunk over UDP from a port of its own. */
export class Switch {
  readonly #options: SwitchOptions;
  readonly #stack: SipStack;
  #started = false;

  constructor(options: SwitchOptions) {
    this.#options = options;
    const { carrier, host, log } = options;
    this.#stack = new SipStack({
      userAgent: `${carrier.name} switch`,
      listeners: [{ protocol: 'udp', host, port: carrier.sipPort }],
      network: new TracingNetwork(new NodeNetwork(), (message) => this.#trace(message)),
      log: {
        debug: () => {},
        warn: (details, text) => log.warn(details, text),
        error: (details, text) => log.warn(details, text),
      },
    });
    // Nothing comes in over this trunk yet: the lab's subscribers are called from the lab only.
    this.#stack.on('invite', (session) => session.reject(404));
  }

  /** @throws ListenError when the port is taken. */
  async start(): Promise<void> {
    await this.#stack.start();
    this.#started = true;
  }

  /** The configured address until the switch runs, then the true one. */
  get address(): { host: string; port: number } {
    const [first] = this.#started ? this.#stack.addresses : [];
    return { host: this.#options.host, port: first?.port ?? this.#options.carrier.sipPort };
  }

  /** Sends a call out on the trunk. The listener hears nothing before this returns. */
  call(call: TrunkCallRequest & { redirection: RedirectionHeaders }, listener: TrunkCallListener): TrunkCall {
    const { carrier, server } = this.#options;
    const local = this.address;
    const trunk = new TrunkInvite({
      stack: this.#stack,
      local,
      server,
      codecs: carrier.codecs,
      call,
      listener,
    });
    void trunk.start();
    return trunk;
  }

  async close(): Promise<void> {
    this.#started = false;
    await this.#stack.close();
  }

  #trace({ direction, text }: TracedMessage): void {
    const summary = summarize(text);
    const callId = summary?.callId.match(/^([0-9a-f]+)@lab$/)?.[1];
    if (summary === undefined || callId === undefined) return;
    const own = switchColumn(this.#options.carrier.id);
    const [from, to] =
      direction === 'out' ? ([own, 'ringthrough'] as const) : (['ringthrough', own] as const);
    this.#options.ladder.add({ callId, from, to, kind: 'sip', label: summary.label, detail: text });
  }
}
