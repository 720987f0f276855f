import { once } from 'node:events';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { TestAuthority } from '../testing/index.ts';
import { SipStack } from '../ua/sip-stack.ts';
import { sipDomains } from './certificate-domains.ts';
import type { Flow } from './types.ts';

describe('whom a certificate names, RFC 5922 section 7.1', () => {
  it.each([
    ['DNS:Sbc.Carrier.example, DNS:b.example', ['sbc.carrier.example', 'b.example']],
    ['DNS:host.example, URI:sip:carrier.example', ['carrier.example']],
    ['URI:sip:user@carrier.example, DNS:a.example', ['a.example']],
    ['URI:https://carrier.example, DNS:a.example', ['a.example']],
    ['DNS:*.carrier.example, IP Address:192.0.2.1', []],
    ['DNS:"evil.example, DNS:sbc.carrier.example"', []],
    ['othername:<unsupported>, DNS:"a\\", DNS:b.example", DNS:c.example', ['c.example']],
    ['', []],
    [undefined, []],
  ])('%s', (alternatives, domains) => expect(sipDomains(alternatives)).toEqual(domains));
});

const { available } = TestAuthority;

describe.skipIf(!available)('a client certificate that is asked for and not required', () => {
  let authority: TestAuthority;
  let stranger: TestAuthority;
  let server: SipStack;
  const flows: Flow[] = [];

  beforeAll(async () => {
    [authority, stranger] = [await TestAuthority.create(), await TestAuthority.create()];
    server = new SipStack({
      userAgent: 'server',
      listeners: [{ protocol: 'tls', host: '127.0.0.1', port: 0 }],
      tls: {
        ...(await authority.issue('server', 'IP:127.0.0.1')),
        ca: authority.ca,
        requestClientCertificate: true,
      },
      screen: (_request, flow) => flows.push(flow) > 0,
    });
    await server.start();
  });
  afterAll(async () => {
    await server?.close();
    await Promise.all([authority?.remove(), stranger?.remove()]);
  });

  /** The domains of the flow on which this client's request came. */
  const domainsOf = async (tls: { cert?: string; key?: string; session?: Buffer }) => {
    const port = server.addresses[0]?.port ?? 0;
    const socket = connect({ host: '127.0.0.1', port, ca: authority.ca, ...tls });
    await once(socket, 'secureConnect');
    socket.write(
      'OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK1\r\nMax-Forwards: 1\r\nFrom: <sip:a@b>;tag=1\r\n' +
        'To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n',
    );
    await once(socket, 'data');
    socket.destroy();
    return flows.pop()?.peerDomains;
  };

  it('names whom it was issued to by the authority', async () => {
    expect(await domainsOf(await authority.issue('x', 'DNS:sbc.carrier.example'))).toEqual([
      'sbc.carrier.example',
    ]);
  });

  it('of another authority, or none at all, names nobody, and the connection stays', async () => {
    expect(await domainsOf(await stranger.issue('x', 'DNS:sbc.carrier.example'))).toEqual([]);
    expect(await domainsOf({})).toEqual([]);
  });

  it('that was not believed is not believed by a resumed session either', async () => {
    const port = server.addresses[0]?.port ?? 0;
    const pair = await stranger.issue('x', 'DNS:sbc.carrier.example');
    const first = connect({ host: '127.0.0.1', port, ca: authority.ca, ...pair });
    const [session] = (await once(first, 'session')) as [Buffer];
    first.destroy();
    expect(await domainsOf({ ...pair, session })).toEqual([]);
    expect(await domainsOf({ session })).toEqual([]);
  });

  it('is what a stack shows on a connection that it opens', async () => {
    const caller = new SipStack({
      userAgent: 'caller',
      listeners: [{ protocol: 'udp', host: '127.0.0.1', port: 0 }],
      tls: { ...(await authority.issue('x', 'DNS:sbc.carrier.example')), ca: authority.ca },
    });
    await caller.start();
    const target = { protocol: 'tls' as const, host: '127.0.0.1', port: server.addresses[0]?.port ?? 0 };
    expect((await caller.request(new SipRequest('OPTIONS', 'sip:a@b'), target)).status).toBe(200);
    expect(flows.pop()?.peerDomains).toEqual(['sbc.carrier.example']);
    await caller.close();
  });
});
