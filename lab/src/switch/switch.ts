import { NodeNetwork, SipStack, type UasSession } from '@ringthrough/sip';
import type { TrunkCall, TrunkCallListener, TrunkCallRequest } from '../call/trunk-call.ts';
import type { TrunkOrigin } from '../call/trunk-origin.ts';
import { type Ladder, switchColumn } from '../ladder.ts';
import type { CarrierOptions, RedirectionHeaders } from '../model/types.ts';
import { summarize, type TracedMessage, TracingNetwork } from './tracing-network.ts';
import { TrunkArrival, type TrunkArrivalRequest } from './trunk-arrival.ts';
import { TrunkInvite } from './trunk-invite.ts';

export interface SwitchOptions {
  carrier: CarrierOptions;
  host: string;
  /** Where the trunk leads. */
  server: { host: string; port: number };
  ladder: Ladder;
  /**
   * Ringthrough calls somebody over this trunk.
   * @param named to be told the lab's name of the call before it goes on
   * @returns what to do when Ringthrough gives it up; undefined when it was released at once
   */
  onCall(
    request: TrunkArrivalRequest,
    origin: TrunkOrigin,
    named: (id: string) => void,
  ): (() => void) | undefined;
  log: { warn(details: Record<string, unknown>, message: string): void };
}

/** Messages of calls that have no name yet, such as the INVITE itself. */
const keptUnnamed = 50;

/** The carrier's switch (MSC) as the outside sees it: a SIP trunk over UDP from a port of its own. */
export class Switch {
  readonly #options: SwitchOptions;
  readonly #stack: SipStack;
  /** The lab's names of calls that came over the trunk, by Call-ID. */
  readonly #names = new Map<string, string>();
  readonly #unnamed = new Map<string, TracedMessage[]>();
  /** The line is cut: nothing that is sent arrives. */
  cut = false;
  #started = false;

  constructor(options: SwitchOptions) {
    this.#options = options;
    const { carrier, host, log } = options;
    this.#stack = new SipStack({
      userAgent: `${carrier.name} switch`,
      listeners: [{ protocol: 'udp', host, port: carrier.sipPort }],
      network: new TracingNetwork(new NodeNetwork(), {
        carries: () => !this.cut,
        onMessage: (message) => this.#trace(message),
      }),
      log: {
        debug: () => {},
        warn: (details, text) => log.warn(details, text),
        error: (details, text) => log.warn(details, text),
      },
    });
    this.#stack.on('invite', (session) => void this.#onInvite(session));
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

  /** The trunk is for Ringthrough alone. */
  async #onInvite(session: UasSession): Promise<void> {
    const { server, host } = this.#options;
    const { remote } = session.flow;
    if (remote.host !== server.host || remote.port !== server.port) {
      session.reject(403);
      return;
    }
    try {
      let gone: (() => void) | undefined;
      const arrival = await TrunkArrival.open(session, host, () => gone?.());
      if (arrival === undefined) return;
      gone = this.#options.onCall(arrival.request, arrival, (id) => this.#name(session.callId, id));
    } catch {
      session.reject(503);
    }
  }

  /** From now on the ladder shows the messages of this call, those that have passed first. */
  #name(callId: string, name: string): void {
    this.#names.set(callId, name);
    const [oldest] = this.#names.keys();
    if (this.#names.size > keptUnnamed && oldest !== undefined) this.#names.delete(oldest);
    const passed = this.#unnamed.get(callId) ?? [];
    this.#unnamed.delete(callId);
    for (const message of passed) this.#trace(message);
  }

  #keepUnnamed(callId: string, message: TracedMessage): void {
    this.#unnamed.set(callId, [...(this.#unnamed.get(callId) ?? []), message].slice(-keptUnnamed));
    const [oldest] = this.#unnamed.keys();
    if (this.#unnamed.size > keptUnnamed && oldest !== undefined) this.#unnamed.delete(oldest);
  }

  #trace(message: TracedMessage): void {
    const { direction, text } = message;
    const summary = summarize(text);
    if (summary === undefined) return;
    const callId = summary.callId.match(/^([0-9a-f]+)@lab$/)?.[1] ?? this.#names.get(summary.callId);
    if (callId === undefined) {
      this.#keepUnnamed(summary.callId, message);
      return;
    }
    const own = switchColumn(this.#options.carrier.id);
    const [from, to] =
      direction === 'out' ? ([own, 'ringthrough'] as const) : (['ringthrough', own] as const);
    this.#options.ladder.add({ callId, from, to, kind: 'sip', label: summary.label, detail: text });
  }
}
