import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CarrierOptions, Lab } from '@ringthrough/lab';
import { stringify } from 'yaml';
import { parseConfig } from '../../server/src/config.ts';
import { createLogger } from '../../server/src/log.ts';
import { AllInOne } from '../../server/src/roles/all-in-one.ts';
import { tellCapture } from './capture.ts';
import { freePort, freeRange } from './ports.ts';
import { until } from './process.ts';

/** A carrier of the lab, as far as tests care; the same for Ringthrough. */
export interface HouseCarrier {
  id: string;
  country: string;
  prefix: string;
  cNumber: string;
  missedCall: string;
  handsets: readonly string[];
  more?: Partial<CarrierOptions>;
}

/** The service and a lab in this process, so that a test hears each sample that a handset hears. SIP and RTP are real. */
export class LabHouse {
  readonly #lab: Lab | undefined;
  readonly url: string;
  readonly logLines: readonly string[];
  readonly #house: AllInOne;
  readonly #folder: string;

  private constructor(
    house: AllInOne,
    lab: Lab | undefined,
    rest: { url: string; folder: string; logLines: string[] },
  ) {
    this.#house = house;
    this.#lab = lab;
    this.url = rest.url;
    this.#folder = rest.folder;
    this.logLines = rest.logLines;
  }

  get lab(): Lab {
    if (!this.#lab) throw new Error('this house has no lab');
    return this.#lab;
  }

  /** @param switchPort where all carriers have their switch, in place of the lab */
  static async open(
    carriers: readonly HouseCarrier[],
    settings: Record<string, unknown> = {},
    switchPort?: number,
  ): Promise<LabHouse> {
    const folder = mkdtempSync(join(tmpdir(), 'lab-house-'));
    const [httpPort, sipPort, webrtcPort] = [await freePort(), await freePort(), await freePort()];
    const rtp = await freeRange(40);
    const placed: Array<HouseCarrier & { sipPort: number }> = [];
    for (const carrier of carriers) {
      placed.push({ ...carrier, sipPort: switchPort ?? (await freePort()) });
    }
    const config = parseConfig(
      stringify({
        dataDir: folder,
        http: { port: httpPort },
        sip: { port: sipPort },
        media: { webrtcPort, rtpPorts: { min: rtp, max: rtp + 39 } },
        lab: { enabled: false },
        carriers: placed.map(configOf),
        ...settings,
      }),
    );
    tellCapture({ port: sipPort, kind: 'sip' });
    const logLines: string[] = [];
    const log = createLogger(
      { level: 'debug', destination: 'stderr' },
      { write: (line) => logLines.push(line) },
    );
    const started: { lab?: Lab } = {};
    const guest = async (server: { host: string; port: number }) => {
      const lab = new Lab({ server, carriers: placed.map(labOf), smppPort: 0 });
      await lab.start();
      started.lab = lab;
      return { plugin: async () => {}, close: () => lab.close() };
    };
    const house = await AllInOne.start({
      config,
      log,
      version: '0',
      ...(switchPort === undefined ? { guest } : {}),
    });
    return new LabHouse(house, started.lab, { url: `http://localhost:${httpPort}`, folder, logLines });
  }

  /** A number of /metrics; labels do not count. */
  async gauge(name: string): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    return Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    );
  }

  /** Waits until a handset rings. */
  async rings(number: string): Promise<void> {
    await until(() => this.lab.handset(number).state === 'ringing', {
      timeoutMs: 20_000,
      describe: () => `${number} is ${this.lab.handset(number).state}`,
    });
  }

  async becomesIdle(number: string, timeoutMs = 20_000): Promise<void> {
    await until(() => this.lab.handset(number).call === null, {
      timeoutMs,
      describe: () => `${number} is ${this.lab.handset(number).state}`,
    });
  }

  async close(): Promise<void> {
    await this.#house.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function configOf({ id, country, prefix, cNumber, missedCall, sipPort }: HouseCarrier & { sipPort: number }) {
  const outbound = { uri: `sip:127.0.0.1:${sipPort}`, optionsSeconds: 0 };
  return {
    id,
    name: id,
    country,
    family: 'gsm',
    prefixes: [prefix],
    cNumber,
    validationNumbers: { missedCall },
    trunks: [{ host: '127.0.0.1', port: sipPort, outbound }],
  };
}

function labOf(carrier: HouseCarrier & { sipPort: number }): CarrierOptions {
  const { id, country, prefix, cNumber, missedCall, handsets, sipPort, more } = carrier;
  return {
    id,
    name: id,
    country,
    prefix,
    cNumber,
    serviceNumbers: [missedCall],
    sipPort,
    redirection: 'diversion',
    codecs: ['PCMA', 'PCMU'],
    ringback: { frequenciesHz: [425], cadenceMs: [1000, 4000] },
    smsToken: 'a token of the test carrier',
    handsets: handsets.map((number) => ({ number, owner: number, role: 'own' as const })),
    ...more,
  };
}
