import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { SipRequest } from '../message/index.ts';
import { SipStack } from '../ua/sip-stack.ts';
import { MemoryNetwork } from './memory-network.ts';
import { VirtualClock } from './virtual-clock.ts';

const vectors = fileURLToPath(new URL('../../../../../shared/vectors/rfc4475/', import.meta.url));

/** The torture messages of RFC 4475, where they are at hand; they are not part of the project. */
export function tortureMessages(): Uint8Array[] {
  return existsSync(vectors) ? readdirSync(vectors).map((name) => readFileSync(vectors + name)) : [];
}

/** Every message of a call of our own with all its extensions, a registration and a refusal, as they go over UDP. */
export async function recordedMessages(): Promise<Uint8Array[]> {
  const clock = new VirtualClock();
  const network = new MemoryNetwork({ clock });
  network.tracing = true;
  const made = await Promise.all(
    ['10.0.0.1', '10.0.0.2'].map(async (ip) => {
      const stack = new SipStack({
        userAgent: 'Recorded',
        clock,
        network: network.host(ip),
        listeners: [{ protocol: 'udp', host: ip, port: 5060 }],
        reliableProvisional: 'supported',
        sessionTimer: { expiresSeconds: 1_800, minSeconds: 90 },
      });
      await stack.start();
      return stack;
    }),
  );
  const [alice, bob] = made as [SipStack, SipStack];
  const target = { protocol: 'udp', host: '10.0.0.2', port: 5060 } as const;
  const sdp =
    'v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n';
  let calls = 0;
  bob.on('invite', (session) => {
    calls++;
    session.on('reinvite', ({ accept }) => accept(sdp));
    session.progress(183, { body: sdp });
    clock.setTimeout(() => {
      if (calls === 1) session.accept({ sdp });
      else if (calls === 2) session.reject(486);
    }, 100);
  });
  bob.on('request', (incoming) =>
    incoming.respond(401, {
      headers: [['WWW-Authenticate', 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5']],
    }),
  );
  const credentials = { username: 'a', password: 'b' };
  void alice.request(new SipRequest('REGISTER', 'sip:10.0.0.2'), target, { credentials });
  const invite = () =>
    alice.invite({ request: new SipRequest('INVITE', 'sip:b@10.0.0.2', { body: sdp }), target });
  const first = invite();
  await clock.advance(1_000);
  await Promise.all([first.reinvite(sdp), first.sendRequest('UPDATE'), clock.advance(1_000)]);
  await Promise.all([
    first.sendRequest('INFO', { body: 'Signal=1', contentType: 'application/dtmf-relay' }),
    clock.advance(1_000),
  ]);
  first.bye();
  invite();
  await clock.advance(1_000);
  const third = invite();
  await clock.advance(1_000);
  third.cancel();
  await clock.advance(1_000);
  for (const stack of made) await stack.close();
  return network.trace.map(({ bytes }) => bytes);
}
