/** What came of an attempt to go on with the session. */
export type KeptSession = 'kept' | 'over';

/** When any tab of this browser last exchanged the tokens: Unix milliseconds. */
const stampKey = 'ringthrough.refreshed';
const lockName = 'ringthrough.refresh';

let running: Promise<KeptSession> | undefined;

/**
 * Exchanges the session's cookies for the next ones, once for all tabs: a refresh token is good once. The cookies
 * themselves are out of reach of this code.
 * @param since when the request went out that was refused; what was exchanged later is not exchanged again
 * @param exchange asks the server
 * @throws what `exchange` throws when the server could not be asked
 */
export function keepSession(since: number, exchange: () => Promise<KeptSession>): Promise<KeptSession> {
  running ??= alone(async () => {
    if (lastExchange() > since) return 'kept';
    const result = await exchange();
    if (result === 'kept') localStorage.setItem(stampKey, String(Date.now()));
    return result;
  }).finally(() => {
    running = undefined;
  });
  return running;
}

/** Over plain HTTP there are no locks; then two tabs may ask at once, which the server forgives for a while. */
function alone<T>(work: () => Promise<T>): Promise<T> {
  const locks = typeof navigator === 'undefined' ? undefined : (navigator.locks as LockManager | undefined);
  return locks ? (locks.request(lockName, work) as Promise<T>) : work();
}

function lastExchange(): number {
  return Number(localStorage.getItem(stampKey) ?? 0);
}
