import { expect, it } from 'vitest';
import { serializeMessage } from '../message/index.ts';
import { MemoryNetwork, RawPeer, seededRandom, VirtualClock } from '../testing/index.ts';
import { SipStack } from './sip-stack.ts';

const zero = { serverTransactions: 0, clientTransactions: 0, dialogs: 0, flows: 0, timers: 0 };
const methods = ['INVITE', 'ACK', 'BYE', 'CANCEL', 'OPTIONS', 'UPDATE', 'INFO', 'REGISTER', 'DANCE'];
const splices = [
  '\r\n',
  ':',
  ';',
  ',',
  '<',
  '>',
  '"',
  '%',
  '\0',
  ' ',
  '\t',
  '@',
  '=',
  'tag',
  'sip:',
  '\xff',
  '999999999999',
];

it('stays whole under thousands of damaged and ill-timed messages, and says nothing that cannot be read', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)]!;
    const clock = new VirtualClock();
    const network = new MemoryNetwork({ clock, seed });
    const stack = new SipStack({
      userAgent: 'test',
      clock,
      network: network.host('10.0.0.1'),
      listeners: [{ protocol: 'udp', host: '10.0.0.1', port: 5060 }],
    });
    await stack.start();
    stack.on('invite', (session) => {
      if (random() < 0.5) session.progress(180);
      if (random() < 0.5) session.accept({ sdp: 'v=0' });
      clock.setTimeout(() => (session.state === 'early' ? session.reject(480) : session.bye()), 20_000);
    });
    const peer = await RawPeer.bind(
      network,
      { host: '10.0.0.2', port: 5070 },
      { host: '10.0.0.1', port: 5060 },
    );
    let toTag = '';
    for (let n = 0; n < 400; n++) {
      const method = pick(methods);
      const headers = {
        Via: `SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bK${Math.floor(n / 3)};rport`,
        'Call-ID': `call${Math.floor(n / 20)}`,
        CSeq: `${Math.floor(random() * 5)} ${method}`,
        To: `<sip:service@10.0.0.1>${random() < 0.5 ? toTag : ''}`,
      };
      let text = serializeMessage(peer.request(method, headers, random() < 0.5 ? 'v=0' : '')).toString(
        'latin1',
      );
      for (let damage = Math.floor(random() * 4); damage > 0; damage--) {
        const at = Math.floor(random() * text.length);
        text =
          text.slice(0, at) +
          (random() < 0.5 ? pick(splices) : '') +
          text.slice(at + Math.floor(random() * 6));
      }
      peer.send(random() < 0.05 ? text.slice(0, Math.floor(random() * text.length)) : text);
      await clock.advance(Math.floor(random() * 300));
      toTag = /;tag=[a-z0-5]+$/.exec(peer.received.at(-1)?.headers.get('To') ?? '')?.[0] ?? toTag;
    }
    await clock.advance(300_000);
    expect(peer.received.length, `seed ${seed}`).toBeGreaterThan(100);
    expect(stack.counters.listenerErrors, `seed ${seed}`).toBe(0);
    expect(stack.stats(), `seed ${seed}`).toEqual(zero);
    await stack.close();
    expect(clock.pending, `seed ${seed}`).toBe(0);
  }
}, 60_000);
