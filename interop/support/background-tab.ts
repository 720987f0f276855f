import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Process, until } from './process.ts';

interface Answer {
  id?: number;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/**
 * A browser whose tabs can be in the background and frozen as browsers do it to save energy. Playwright keeps every
 * page visible, and no browser freezes a visible page, so this one is spoken to in the DevTools protocol itself.
 */
export class BackgroundTabs {
  readonly #process: Process;
  readonly #folder: string;
  readonly #socket: WebSocket;
  readonly #open = new Map<number, (answer: Answer) => void>();
  #id = 0;

  private constructor(process: Process, folder: string, socket: WebSocket) {
    this.#process = process;
    this.#folder = folder;
    this.#socket = socket;
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.id !== undefined) this.#open.get(answer.id)?.(answer);
    });
  }

  static async open(): Promise<BackgroundTabs> {
    const folder = mkdtempSync(join(tmpdir(), 'background-tabs-'));
    const process = new Process('/usr/bin/chromium', [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--no-first-run',
      '--remote-debugging-port=0',
      `--user-data-dir=${folder}`,
      'about:blank',
    ]);
    const [url] = await process.waitFor(/ws:\/\/\S+/, 30_000);
    const socket = new WebSocket(url);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    return new BackgroundTabs(process, folder, socket);
  }

  /**
   * A tab with cookies of its own, in the background.
   * @param before runs in every page before its own scripts
   */
  async tab(url: string, before = ''): Promise<BackgroundTab> {
    const { browserContextId } = await this.send('Target.createBrowserContext');
    const open = async (at: string) => {
      const { targetId } = await this.send('Target.createTarget', { url: at, browserContextId });
      return targetId;
    };
    const targetId = await open('about:blank');
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = new BackgroundTab((method, params) => this.send(method, params, String(sessionId)));
    await tab.load(url, before);
    await this.send('Target.activateTarget', { targetId: await open('about:blank') });
    await tab.becomes("document.visibilityState === 'hidden'");
    return tab;
  }

  /** @throws what the browser objects to */
  send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    this.#id += 1;
    const id = this.#id;
    return new Promise((resolve, reject) => {
      this.#open.set(id, ({ result, error }) => {
        this.#open.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result ?? {});
      });
      this.#socket.send(JSON.stringify({ id, method, params, sessionId }));
    });
  }

  async close(): Promise<void> {
    this.#socket.close();
    await this.#process.stop();
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 });
  }
}

type Send = (method: string, params?: object) => Promise<Record<string, unknown>>;

export class BackgroundTab {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  async load(url: string, before: string): Promise<void> {
    await this.#send('Page.enable');
    await this.#send('Page.addScriptToEvaluateOnNewDocument', { source: before });
    await this.#send('Page.navigate', { url });
    await this.becomes("document.readyState === 'complete' && location.protocol === 'http:'");
  }

  /** What an expression, or the promise that it gives, comes to in the page. */
  async evaluate(expression: string): Promise<unknown> {
    const parameters = { expression, awaitPromise: true, returnByValue: true };
    const { result } = await this.#send('Runtime.evaluate', parameters);
    return (result as { value?: unknown }).value;
  }

  async becomes(expression: string): Promise<void> {
    await until(async () => (await this.evaluate(expression)) === true, {
      describe: () => `in the page never: ${expression}`,
    });
  }

  /** As the browser does it to tabs that were not looked at for long. */
  freeze(): Promise<unknown> {
    return this.#send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  thaw(): Promise<unknown> {
    return this.#send('Page.setWebLifecycleState', { state: 'active' });
  }

  /** The page computes for so long, and does nothing else. */
  hang(ms: number): void {
    void this.evaluate(`const until = Date.now() + ${ms}; while (Date.now() < until);`);
  }
}
