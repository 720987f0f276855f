import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createCertificate,
  type DtlsOutput,
  type DtlsRole,
  DtlsSession,
  type SrtpKeys,
} from '@ringthrough/ice';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasPeer } from './support/peers.ts';
import { freePort } from './support/ports.ts';

const hasOpenssl = hasPeer('openssl');

/** Our end: a DTLS session on a socket of its own. */
class Endpoint {
  readonly #session: DtlsSession;
  readonly #socket: Socket;
  readonly #timer: NodeJS.Timeout;
  #remotePort: number;
  srtp: SrtpKeys | undefined;
  failed: string | undefined;

  constructor(role: DtlsRole, fingerprint: string, ports: { local: number; remote: number }) {
    this.#session = new DtlsSession({
      role,
      certificate: createCertificate(),
      remoteFingerprints: [{ algorithm: 'sha-256', value: fingerprint }],
    });
    this.#remotePort = ports.remote;
    this.#socket = createSocket('udp4');
    this.#socket.on('message', (datagram, from) => {
      this.#remotePort = from.port;
      this.#apply(this.#session.receive(datagram, performance.now()));
    });
    this.#socket.bind(ports.local, '127.0.0.1', () => this.#apply(this.#session.start(performance.now())));
    this.#timer = setInterval(() => this.#apply(this.#session.handleTimeout(performance.now())), 20);
  }

  #apply(outputs: DtlsOutput[]): void {
    for (const output of outputs) {
      if (output.type === 'send') this.#socket.send(output.data, this.#remotePort, '127.0.0.1');
      else if (output.type === 'connected') this.srtp = output.srtp;
      else if (output.type === 'failed') this.failed = output.reason;
    }
  }

  close(): void {
    this.#apply(this.#session.close());
    clearInterval(this.#timer);
    this.#socket.close();
  }
}

describe.skipIf(!hasOpenssl)('DTLS with OpenSSL', () => {
  let folder: string;
  const running: ChildProcess[] = [];
  const endpoints: Endpoint[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dtls-'));
  });
  afterEach(() => {
    for (const endpoint of endpoints.splice(0)) endpoint.close();
    for (const process of running.splice(0)) process.kill();
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function makeCertificate(kind: 'ec' | 'rsa') {
    const [key, certificate] = [join(folder, `${kind}.key`), join(folder, `${kind}.pem`)];
    const algorithm = kind === 'ec' ? ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'] : ['rsa:2048'];
    const args = [
      'req',
      '-x509',
      '-nodes',
      '-newkey',
      ...algorithm,
      '-keyout',
      key,
      '-out',
      certificate,
      '-subj',
      '/CN=peer',
    ];
    expect(spawnSync('openssl', args, { stdio: 'ignore' }).status).toBe(0);
    const { fingerprint256 } = new X509Certificate(await readFile(certificate));
    return { key, certificate, fingerprint: fingerprint256 };
  }

  /** Starts OpenSSL and returns what it prints. */
  function openssl(...args: string[]): () => string {
    const process = spawn('openssl', args, { stdio: ['pipe', 'pipe', 'pipe'] });
    running.push(process);
    let output = '';
    process.stdout.on('data', (chunk) => (output += chunk));
    process.stderr.on('data', (chunk) => (output += chunk));
    return () => output;
  }

  async function until(what: string, condition: () => boolean): Promise<void> {
    for (const end = performance.now() + 10_000; !condition(); ) {
      if (performance.now() > end) throw new Error(`waited in vain until ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  const SRTP = [
    '-use_srtp',
    'SRTP_AES128_CM_SHA1_80',
    '-keymatexport',
    'EXTRACTOR-dtls_srtp',
    '-keymatexportlen',
    '60',
  ];

  /** The keys as OpenSSL prints them: client key, server key, client salt, server salt. */
  function expectSameKeys(printed: string, client: SrtpKeys['local'], server: SrtpKeys['local']): void {
    const material = /Keying material: ([0-9A-F]+)/.exec(printed)?.[1];
    const ours = Buffer.concat([client.key, server.key, client.salt, server.salt])
      .toString('hex')
      .toUpperCase();
    expect(material).toBe(ours);
  }

  it.each([
    ['a certificate with P-256', 'ec', []],
    ['an RSA certificate', 'rsa', []],
    ['small datagrams', 'rsa', ['-mtu', '300']],
    ['P-256 as its only group', 'ec', ['-groups', 'P-256']],
  ] as const)('as server for a client with %s', async (_, kind, extra) => {
    const peer = await makeCertificate(kind);
    const port = await freePort();
    const endpoint = new Endpoint('server', peer.fingerprint, { local: port, remote: 0 });
    endpoints.push(endpoint);
    const args = [
      '-connect',
      `127.0.0.1:${port}`,
      '-cert',
      peer.certificate,
      '-key',
      peer.key,
      ...SRTP,
      ...extra,
    ];
    const output = openssl('s_client', '-dtls1_2', ...args);
    await until(
      'both are connected',
      () => endpoint.srtp !== undefined && output().includes('Keying material:'),
    );
    expectSameKeys(output(), endpoint.srtp!.remote, endpoint.srtp!.local);
  });

  it.each([
    ['a certificate with P-256', 'ec', []],
    ['an RSA certificate', 'rsa', []],
    ['cookies and small datagrams', 'rsa', ['-listen', '-mtu', '300']],
  ] as const)('as client of a server with %s', async (_, kind, extra) => {
    const peer = await makeCertificate(kind);
    const port = await freePort();
    const args = [
      '-accept',
      `127.0.0.1:${port}`,
      '-cert',
      peer.certificate,
      '-key',
      peer.key,
      '-Verify',
      '1',
      ...SRTP,
      ...extra,
    ];
    const output = openssl('s_server', '-dtls1_2', ...args);
    await until('the server listens', () => output().includes('ACCEPT'));
    const endpoint = new Endpoint('client', peer.fingerprint, { local: await freePort(), remote: port });
    endpoints.push(endpoint);
    await until(
      'both are connected',
      () => endpoint.srtp !== undefined && output().includes('Keying material:'),
    );
    expectSameKeys(output(), endpoint.srtp!.local, endpoint.srtp!.remote);
  });

  it('refuses a server with another certificate', async () => {
    const [peer, other] = [await makeCertificate('ec'), await makeCertificate('rsa')];
    const port = await freePort();
    const output = openssl(
      's_server',
      '-dtls1_2',
      '-accept',
      `127.0.0.1:${port}`,
      '-cert',
      peer.certificate,
      '-key',
      peer.key,
      ...SRTP,
    );
    await until('the server listens', () => output().includes('ACCEPT'));
    const endpoint = new Endpoint('client', other.fingerprint, { local: await freePort(), remote: port });
    endpoints.push(endpoint);
    await until('it has failed', () => endpoint.failed !== undefined);
    expect(endpoint.failed).toBe('bad_certificate');
  });
});
