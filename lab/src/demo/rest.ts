/** A request that was refused, with the server's own words. */
export class RestError extends Error {
  readonly status: number;
  readonly code: string;

  constructor(request: string, status: number, problem: { code?: unknown; detail?: unknown }) {
    super(`${request} was answered ${status} ${String(problem.code ?? '')}: ${String(problem.detail ?? '')}`);
    this.name = 'RestError';
    this.status = status;
    this.code = String(problem.code ?? '');
  }
}

/** JSON over HTTP, with the session cookie of one device if it has one. */
export class Rest {
  readonly #base: string;
  #cookie: string | undefined;

  constructor(base: string) {
    this.#base = base;
  }

  /** @throws RestError */
  async ask<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await this.#fetch(method, path, body);
    if (response.status === 204) return undefined as T;
    return (await response.json()) as T;
  }

  /** @throws RestError */
  async bytes(path: string): Promise<Uint8Array> {
    return new Uint8Array(await (await this.#fetch('GET', path)).arrayBuffer());
  }

  async #fetch(method: string, path: string, body?: object): Promise<Response> {
    const headers: Record<string, string> = { 'x-requested-with': 'ringthrough' };
    if (this.#cookie !== undefined) headers.cookie = this.#cookie;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const response = await fetch(`${this.#base}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const [cookie] = response.headers.getSetCookie();
    if (cookie !== undefined) this.#cookie = cookie.split(';')[0];
    if (!response.ok) {
      const problem = (await response.json().catch(() => ({}))) as { code?: unknown; detail?: unknown };
      throw new RestError(`${method} ${path}`, response.status, problem);
    }
    return response;
  }
}
