import { expect } from 'vitest';
import { MemoryNetwork, RawPeer, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';
import type { ReinviteRequest, UacSession, UasSession } from './types.ts';

/** A stack under test, and a peer that says whatever the test wants. */
export class Scene {
  readonly clock = new VirtualClock();
  readonly network = new MemoryNetwork({ clock: this.clock });
  readonly heard: string[] = [];
  stack!: SipStack;
  peer!: RawPeer;
  session!: UasSession | UacSession;
  reinvite: ReinviteRequest | undefined;
  #branch = 0;

  static async open(): Promise<Scene> {
    const scene = new Scene();
    const here = { host: '10.0.0.1', port: 5060 };
    scene.stack = new SipStack({
      userAgent: 'test',
      clock: scene.clock,
      network: scene.network.host(here.host),
      listeners: [{ protocol: 'udp', ...here }],
      reliableProvisional: 'supported',
    });
    await scene.stack.start();
    scene.peer = await RawPeer.bind(scene.network, { host: '10.0.0.2', port: 5070 }, here);
    return scene;
  }

  watch(session: UasSession | UacSession): void {
    this.session = session;
    const hear = (what: string) => void this.heard.push(what);
    session.on('provisional', ({ status }) => hear(`provisional ${status}`));
    session.on('accepted', ({ status }) => hear(`accepted ${status}`));
    session.on('rejected', ({ status }) => hear(`rejected ${status}`));
    session.on('cancelled', () => hear('cancelled'));
    session.on('confirmed', () => hear('confirmed'));
    session.on('ended', ({ by }) => hear(`ended ${by}`));
    session.on('request', ({ request }) => {
      hear(`request ${request.method}`);
      return false;
    });
    session.on('reinvite', (reinvite) => {
      hear('reinvite');
      this.reinvite = reinvite;
    });
  }

  /** A request of the peer in its own transaction; `headers` are those of the dialog. */
  async asks(
    method: string,
    sequence: number,
    headers: Record<string, string> = {},
    body = '',
  ): Promise<void> {
    const Via = `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bKt${++this.#branch};rport`;
    this.peer.send(this.peer.request(method, { Via, CSeq: `${sequence} ${method}`, ...headers }, body));
    await this.clock.advance(10);
  }

  /** What this brings about. */
  async outcome(action: () => unknown): Promise<string> {
    await this.clock.advance(0);
    this.peer.news();
    this.heard.length = 0;
    await action();
    await this.clock.advance(10);
    const sent = this.peer.news().join(', ');
    return `${sent || '-'} | ${this.heard.join(', ') || '-'} → ${this.session.state}`;
  }

  async close(): Promise<void> {
    await this.stack.close();
    await this.clock.advance(200_000);
    expect(this.stack.counters.listenerErrors).toBe(0);
    expect(this.stack.stats()).toEqual({
      serverTransactions: 0,
      clientTransactions: 0,
      dialogs: 0,
      flows: 0,
      timers: 0,
    });
  }
}

export type Act = (scene: Scene) => unknown;
type Cells = Record<string, string>;

/**
 * A session whole: each state with each thing that the peer or the owner may do. A cell says what goes to the peer,
 * what the owner hears, and the state after it. Impossible or illegal input stands there like any other.
 */
export async function whole(
  ways: Record<string, Act>,
  events: Record<string, Act>,
): Promise<Record<string, Cells>> {
  const found: Record<string, Cells> = {};
  for (const [state, reach] of Object.entries(ways)) {
    const cells: Cells = {};
    for (const [event, act] of Object.entries(events)) {
      const scene = await Scene.open();
      await reach(scene);
      cells[event] = await scene.outcome(() => act(scene));
      await scene.close();
    }
    found[state] = cells;
  }
  return found;
}

export const misuse = async (scene: Scene, act: () => unknown) => {
  try {
    await act();
  } catch (error) {
    scene.heard.push(`throws ${(error as { code?: string }).code}`);
  }
};
