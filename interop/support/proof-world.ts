import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HandsetView, Lab } from '@ringthrough/lab';
import { vi } from 'vitest';
import { stringify } from 'yaml';
import { parseConfig } from '../../server/src/config.ts';
import { startLab } from '../../server/src/lab.ts';
import { createLogger } from '../../server/src/log.ts';
import { AllInOne } from '../../server/src/roles/all-in-one.ts';
import { freePort, freeRange } from './ports.ts';
import { until } from './process.ts';

const patienceMs = 60_000;

/**
 * The whole service with the lab's carriers around it, in this process, so that its time of day can be moved: timers and media
 * go on as ever.
 */
export class ProofWorld {
  readonly #folder = mkdtempSync(join(tmpdir(), 'ringthrough-proofs-'));
  #aheadMs = 0;
  #house: AllInOne | undefined;
  lab!: Lab;

  static async open(): Promise<ProofWorld> {
    const world = new ProofWorld();
    const { now } = Date;
    vi.spyOn(Date, 'now').mockImplementation(() => now() + world.#aheadMs);
    await world.#start();
    return world;
  }

  /** Where browsers are served. */
  get url(): string {
    return this.#house?.addresses.http.replace('localhost', '127.0.0.1') ?? '';
  }

  pass(ms: number): void {
    this.#aheadMs += ms;
  }

  async close(): Promise<void> {
    await this.#house?.close();
    vi.restoreAllMocks();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  handset(number: string): HandsetView {
    return this.lab.handset(number);
  }

  /** Waits until the lab is as wanted, and gives what it was looked for. */
  until<T>(what: string | (() => string), look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        off();
        clearInterval(often);
        clearTimeout(deadline);
      };
      const check = (): void => {
        const found = look();
        if (found === undefined) return;
        done();
        resolve(found);
      };
      const off = this.lab.on(check);
      // What a handset hears is no event.
      const often = setInterval(check, 100);
      const deadline = setTimeout(() => {
        done();
        reject(new Error(`in vain: ${typeof what === 'string' ? what : what()}`));
      }, patienceMs);
      check();
    });
  }

  /** Waits until calls of ours go over the carrier's trunk again. */
  async trunkUp(carrierId: string): Promise<void> {
    const wanted = new RegExp(`^ringthrough_trunk_up\\{carrier="${carrierId}",trunk="1"\\} 1$`, 'm');
    await until(async () => wanted.test(await (await fetch(`${this.url}/metrics`)).text()) || undefined, {
      timeoutMs: patienceMs,
      describe: () => `the trunk of ${carrierId} stays down`,
    });
  }

  async #start(): Promise<void> {
    const generous = 100_000;
    const config = parseConfig(
      stringify({
        dataDir: this.#folder,
        http: {
          port: 0,
          requestsPerAddressPerMinute: generous,
          loginsPerAddressPerMinute: generous,
        },
        sip: { port: 0 },
        media: { webrtcPort: 0, rtpPorts: { min: 0, max: 0 } },
        accounts: { argon2MemoryKib: 8192, argon2Passes: 1 },
        validation: {
          sendsPerNumberPerHour: generous,
          sendsPerAddressPerHour: generous,
          sendsPerAccountPerHour: generous,
          sendsPerCountryPerHour: generous,
          sendsPerHour: generous,
          wrongCodesPerNumberPerDay: generous,
        },
        sms: { firstRetrySeconds: 0.1, maxRetrySeconds: 0.5 },
        lab: { sipPort: await freeRange(4), smppPort: await freePort() },
      }),
    );
    // A cut line is noticed, and found mended, without much waiting.
    for (const { trunks, sms } of config.carriers) {
      if (sms?.smpp) Object.assign(sms.smpp, { firstReconnectSeconds: 0.1, maxReconnectSeconds: 0.3 });
      for (const { outbound } of trunks)
        if (outbound) Object.assign(outbound, { answerSeconds: 1, downSeconds: 0.1 });
    }
    const log = createLogger({ level: 'silent', destination: 'stderr' });
    this.#house = await AllInOne.start({
      config,
      log,
      version: '0.0.0',
      guest: async (sip, postToSelf) => {
        const mounted = await startLab({ config, log, postToSelf }, sip);
        this.lab = mounted.lab;
        return mounted;
      },
    });
  }
}

export interface Reply {
  status: number;
  // The shapes of all answers that are asked for here.
  body: {
    code?: string;
    proof?: string;
    state?: string;
    detail?: string | null;
    attemptsLeft?: number;
    mechanisms?: Array<{ name: string; challenge: string }>;
    account?: { numbers: Array<{ number: string }> };
  };
}

/** A browser: cookies, and a session that it renews when it has ended. */
export class Visitor {
  readonly #world: ProofWorld;
  readonly #cookies = new Map<string, string>();

  constructor(world: ProofWorld) {
    this.#world = world;
  }

  async call<T extends Reply['body'] = Reply['body']>(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ status: number; body: T }> {
    const answer = await this.#once<T>(method, path, body);
    if (answer.status !== 401 || this.#cookies.size === 0) return answer;
    await this.#once('POST', '/api/sessions/refresh');
    return this.#once<T>(method, path, body);
  }

  async #once<T>(method: string, path: string, body?: object): Promise<{ status: number; body: T }> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(this.#world.url + path, {
      method,
      headers: {
        'x-requested-with': 'ringthrough',
        ...(cookie ? { cookie } : {}),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      this.#cookies.set(name, value);
    }
    const text = await answer.text();
    return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as T };
  }
}
