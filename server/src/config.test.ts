import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig, parseConfig, variableFor } from './config.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringthrough-config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const load = (environment: NodeJS.ProcessEnv = {}, file?: string) =>
  loadConfig({ cwd: folder, environment, ...(file ? { file } : {}) });

describe('config', () => {
  it('runs on one machine without a file', () => {
    const { config, warnings } = load();
    expect(warnings).toEqual([]);
    expect(config.http).toMatchObject({ host: '127.0.0.1', port: 8080 });
    expect(config.sip).toMatchObject({ host: '127.0.0.1', port: 5060, domain: 'localhost' });
    expect(config.media).toMatchObject({ webrtcPort: 10000, rtpPorts: { min: 10100, max: 10499 } });
    expect(config.dataDir).toBe(join(folder, 'data'));
    const ids = ['lab-gsm', 'lab-mobile-uk', 'lab-cdma', 'lab-mobil-de'];
    expect(config.carriers.map((carrier) => carrier.id)).toEqual(ids);
    expect(config.carriers[0]?.sms?.smpp).toMatchObject({ port: config.lab.smppPort, systemId: 'lab-gsm' });
    expect(config.carriers[1]?.sms?.token).toBe(config.lab.smsToken);
  });

  it('listens nowhere but on loopback unless asked', () => {
    const { config } = load();
    for (const part of [config.http, config.sip, config.media]) expect(part.host).toBe('127.0.0.1');
  });

  it('has no carriers of its own when the lab is off', () => {
    expect(parseConfig('lab: { enabled: false }').carriers).toEqual([]);
  });

  it('moves the lab to other ports with one setting, for a second instance on the machine', () => {
    const ports = (yaml: string) => parseConfig(yaml).carriers.map(({ trunks }) => trunks[0]?.port);
    expect(ports('')).toEqual([5070, 5071, 5072, 5073]);
    expect(ports('lab: { sipPort: 5080 }')).toEqual([5080, 5081, 5082, 5083]);
    expect(load({ RINGTHROUGH_LAB_SIP_PORT: '5090' }).config.carriers[1]?.trunks[0]?.port).toBe(5091);
  });

  it('names an unknown key with its line', () => {
    expect(() => parseConfig('dataDir: x\nhttp:\n  host: 127.0.0.1\n  prot: 1\n')).toThrow(
      'ringthrough.yaml:4: http.prot: no setting has this name',
    );
  });

  it('names a wrong value with its line, and every fault at once', () => {
    const text = 'http:\n  port: many\n\ncalls:\n  ringTimeoutSeconds: -1\ncarriers:\n  - id: Lab\n';
    expect(() => parseConfig(text)).toThrow(
      /^ringthrough\.yaml:2: http\.port: expected number.*\nringthrough\.yaml:5: calls\.ringTimeoutSeconds: .*\nringthrough\.yaml:7: carriers\.0\.id: must be lower-case/s,
    );
  });

  it('names the line of broken YAML', () => {
    expect(() => parseConfig('http:\n  port: [1\n')).toThrow(/^ringthrough\.yaml:\d+: /);
  });

  it('refuses a file that is a list', () => {
    expect(() => parseConfig('- a\n')).toThrow(/configuration: expected object/);
  });

  it('takes edge proxies by address, and routes that are loose', () => {
    const { sip, registration } = parseConfig(
      'sip: { edges: [{ host: 10.0.9.1 }, { host: "2001:db8::1", port: 5060 }] }\nregistration: { serviceRoute: ["sip:edge.example:5070;transport=tcp;lr"] }\n',
    );
    expect(sip.edges).toEqual([{ host: '10.0.9.1' }, { host: '2001:db8::1', port: 5060 }]);
    expect(registration.serviceRoute).toEqual(['sip:edge.example:5070;transport=tcp;lr']);
    expect(() => parseConfig('sip: { edges: [{ host: edge.example }] }\n')).toThrow(/must be an IP address/);
    for (const uri of ['sip:edge.example', 'edge.example;lr', '<sip:edge.example;lr>', 'sip:a;lr, sip:b;lr'])
      expect(() => parseConfig(`registration: { serviceRoute: ["${uri}"] }\n`)).toThrow(/SIP URI with ;lr/);
  });

  it('lets the environment win, and names the variable in errors', () => {
    writeFileSync(join(folder, 'ringthrough.yaml'), 'http: { port: 1234 }\n');
    expect(load({ RINGTHROUGH_HTTP_PORT: '0' }).config.http.port).toBe(0);
    expect(load({ RINGTHROUGH_LAB_ENABLED: 'false' }).config.lab.enabled).toBe(false);
    expect(load({ RINGTHROUGH_MEDIA_RTP_PORTS_MIN: '10200' }).config.media.rtpPorts.min).toBe(10200);
    expect(() => load({ RINGTHROUGH_HTTP_PORT: 'x' })).toThrow(/^RINGTHROUGH_HTTP_PORT: http\.port: /);
    expect(() => load({ RINGTHROUGH_HTTP_PORT: '' })).toThrow(/^RINGTHROUGH_HTTP_PORT: http\.port: /);
  });

  it('warns of a variable that sets nothing', () => {
    expect(load({ RINGTHROUGH_HTP_PORT: '1' }).warnings).toEqual([
      'RINGTHROUGH_HTP_PORT: no setting has this name; ignored',
    ]);
  });

  it('reads the file it is told to read, and says when it is not there', () => {
    writeFileSync(join(folder, 'other.yaml'), 'dataDir: elsewhere\n');
    expect(load({}, 'other.yaml').config.dataDir).toBe(join(folder, 'elsewhere'));
    expect(load({ RINGTHROUGH_CONFIG: 'other.yaml' }).config.dataDir).toBe(join(folder, 'elsewhere'));
    expect(() => load({}, 'none.yaml')).toThrow(/none\.yaml: there is no such file/);
  });

  it('names variables after keys', () => {
    expect(variableFor(['calls', 'ringTimeoutSeconds'])).toBe('RINGTHROUGH_CALLS_RING_TIMEOUT_SECONDS');
    expect(variableFor(['media', 'webrtcPort'])).toBe('RINGTHROUGH_MEDIA_WEBRTC_PORT');
  });
});
