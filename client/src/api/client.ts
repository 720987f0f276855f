import { type KeptSession, keepSession } from './session-keeper.ts';
import type {
  Account,
  AnswerMode,
  CallRecord,
  ClosedAccount,
  Device,
  LoginResult,
  NewDevice,
  Notice,
  Standing,
  TestCallState,
  Validation,
  ValidationDetail,
  ValidationOptions,
  ValidationRequest,
  Voicemail,
} from './types.ts';

/**
 * A failed request. `code` is the stable code of the problem (RFC 9457) or one of the client's own:
 * `offline` when no answer came, `bad-answer` when it was none of ours.
 */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  /** Further members of the problem, as `attemptsLeft` and `retryAfter`. */
  readonly extra: Record<string, unknown>;

  constructor(init: {
    status: number;
    code: string;
    detail?: string;
    extra?: Record<string, unknown>;
    cause?: unknown;
  }) {
    super(init.detail ?? init.code, { cause: init.cause });
    this.status = init.status;
    this.code = init.code;
    this.extra = init.extra ?? {};
  }

  /** A number that the problem carries, or undefined. */
  number(name: string): number | undefined {
    const value = this.extra[name];
    return typeof value === 'number' ? value : undefined;
  }
}

export interface ThisDevice {
  name: string;
  system: string;
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** Called whenever the server says that the session is over. */
let onUnauthenticated: () => void = () => {};

export function whenUnauthenticated(listener: () => void): void {
  onUnauthenticated = listener;
}

/**
 * One request to `/api`. When the access token has expired, the session goes on with the next one, unseen.
 * @throws ApiError
 */
export async function request<T>(
  method: Method,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const sentAt = Date.now();
  try {
    return await requestOnce<T>(method, path, body, signal);
  } catch (error) {
    if (!isLoggedOut(error)) throw error;
    // Who has no session any more may still prove a number: the cookies that were refused are gone by now.
    if ((await keepSession(sentAt, exchangeTokens)) === 'over' && !path.startsWith('/validations')) {
      onUnauthenticated();
      throw error;
    }
  }
  try {
    return await requestOnce<T>(method, path, body, signal);
  } catch (error) {
    if (isLoggedOut(error)) onUnauthenticated();
    throw error;
  }
}

/** A wrong password is a 401 as well, but not the end of a session. */
const isLoggedOut = (error: unknown): boolean => error instanceof ApiError && error.code === 'not-logged-in';

async function exchangeTokens(): Promise<KeptSession> {
  try {
    await requestOnce('POST', '/sessions/refresh');
    return 'kept';
  } catch (error) {
    if (isLoggedOut(error)) return 'over';
    throw error;
  }
}

async function requestOnce<T>(
  method: Method,
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  // The header is what a foreign page cannot send: with the SameSite cookie it keeps forged requests out.
  const headers: Record<string, string> = { accept: 'application/json', 'x-requested-with': 'ringthrough' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      headers,
      credentials: 'same-origin',
      cache: 'no-store',
      ...(signal ? { signal } : {}),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch (cause) {
    throw new ApiError({ status: 0, code: 'offline', cause });
  }
  if (!response.ok) throw await problemOf(response);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch (cause) {
    throw new ApiError({ status: response.status, code: 'bad-answer', cause });
  }
}

async function problemOf(response: Response): Promise<ApiError> {
  const problem = await readProblem(response);
  const code = typeof problem.code === 'string' ? problem.code : 'bad-answer';
  const retryAfter = Number(response.headers.get('retry-after'));
  return new ApiError({
    status: response.status,
    code,
    ...(typeof problem.detail === 'string' ? { detail: problem.detail } : {}),
    extra: { ...(retryAfter > 0 ? { retryAfter } : {}), ...problem },
  });
}

async function readProblem(response: Response): Promise<Record<string, unknown>> {
  try {
    const value: unknown = await response.json();
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const segment = encodeURIComponent;

export const api = {
  validationOptions: (input: { number: string; region?: string; carrierId?: string }) =>
    request<ValidationOptions>('POST', '/validations/options', input),
  startValidation: (input: ValidationRequest) => request<Validation>('POST', '/validations', input),
  /** Waits until there is news: another state, or another detail than `seen`. */
  standing: (id: string, seen: ValidationDetail | null, signal: AbortSignal) =>
    request<Standing>(
      'GET',
      `/validations/${segment(id)}?waitSeconds=20${seen ? `&seen=${seen}` : ''}`,
      undefined,
      signal,
    ),
  claimProof: (id: string) => request<{ proof: string }>('POST', `/validations/${segment(id)}/claim`),
  giveUp: (id: string) => request<void>('DELETE', `/validations/${segment(id)}`),
  checkCode: (id: string, code: string) =>
    request<{ proof: string }>('POST', `/validations/${segment(id)}/check`, { code }),
  signUp: (input: { proof: string; password: string; device: ThisDevice }) =>
    request<LoginResult>('POST', '/accounts', input),
  logIn: (
    input: ({ number: string; region?: string; password: string } | { proof: string }) & {
      device: ThisDevice;
    },
  ) => request<LoginResult>('POST', '/sessions', input),
  resetPassword: (input: { proof: string; password: string; keepDevices: boolean; device: ThisDevice }) =>
    request<LoginResult>('POST', '/password-resets', input),
  changePassword: (input: { current: string; password: string; signOutOthers: boolean }) =>
    request<{ signedOut: number }>('PUT', '/account/password', input),
  closeAccount: (owner: { password: string } | { proof: string }) =>
    request<ClosedAccount>('DELETE', '/account', owner),
  logOut: () => request<void>('DELETE', '/sessions/current'),
  account: () => request<Account>('GET', '/account'),
  linkNumber: (proof: string) => request<Account>('POST', '/account/numbers', { proof }),
  delinkNumber: (number: string) => request<void>('DELETE', `/account/numbers/${segment(number)}`),
  setPrimary: (number: string) => request<unknown>('PUT', '/account/primary', { number }),
  setAnswerMode: (number: string, answerMode: AnswerMode) =>
    request<unknown>('PATCH', `/account/numbers/${segment(number)}`, { answerMode }),
  setForwarding: (number: string, action: 'activate' | 'deactivate' | 'refresh', noReplySeconds?: number) =>
    request<Account>('POST', `/account/numbers/${segment(number)}/forwarding`, {
      action,
      ...(noReplySeconds === undefined ? {} : { noReplySeconds }),
    }),
  checkForwarding: (number: string) =>
    request<unknown>('POST', `/account/numbers/${segment(number)}/forwarding/check`),
  setCarrier: (number: string, carrierId: string) =>
    request<Account>('PUT', `/account/numbers/${segment(number)}/carrier`, { carrierId }),
  devices: () => request<Device[]>('GET', '/devices'),
  addSoftphone: (name: string) => request<NewDevice>('POST', '/devices', { name }),
  /** An address on this origin from which the softphone fetches its configuration, once. */
  setUpLink: (id: string) =>
    request<{ path: string; expiresAt: number }>('POST', `/devices/${segment(id)}/set-up`),
  startTestCall: (id: string, language: string) =>
    request<{ state: TestCallState }>('POST', `/devices/${segment(id)}/test-call`, { language }),
  /** Waits for another state than `seen`. */
  testCall: (id: string, seen: TestCallState, signal: AbortSignal) =>
    request<{ state: TestCallState | null }>(
      'GET',
      `/devices/${segment(id)}/test-call?waitSeconds=20&seen=${seen}`,
      undefined,
      signal,
    ),
  removeOtherDevices: () => request<{ signedOut: number }>('DELETE', '/devices'),
  removeDevice: (id: string) => request<void>('DELETE', `/devices/${segment(id)}`),
  calls: (before?: number) =>
    request<CallRecord[]>('GET', `/calls?limit=50${before === undefined ? '' : `&before=${before}`}`),
  voicemails: () => request<Voicemail[]>('GET', '/voicemails'),
  markHeard: (id: string) => request<unknown>('PATCH', `/voicemails/${segment(id)}`, { heard: true }),
  deleteVoicemail: (id: string) => request<void>('DELETE', `/voicemails/${segment(id)}`),
  notices: () => request<Notice[]>('GET', '/notices'),
  seeNotice: (id: string) => request<void>('POST', `/notices/${segment(id)}/seen`, {}),
};

export function voicemailAudioUrl(id: string): string {
  return `/api/voicemails/${segment(id)}/audio`;
}
