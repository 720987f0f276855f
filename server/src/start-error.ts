import { variableFor } from './config.ts';

/** The service could not start for a reason that the operator can remove. `message` says which and how. */
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StartError';
  }
}

interface ListenFailure {
  code?: string;
  protocol?: string;
  host?: string;
  address?: string;
  port?: number;
}

/**
 * Turns a failed `listen` into what to do about it; every other error comes back as it is.
 * @param key the setting that chooses the port, such as `['http', 'port']`
 */
export function explainListenError(error: unknown, key: readonly string[]): unknown {
  const failure = error as ListenFailure;
  const host = failure.host ?? failure.address ?? '';
  const where = `${(failure.protocol ?? 'tcp').toUpperCase()} port ${failure.port ?? '?'} on ${host}`;
  const remedy = `Change ${key.join('.')} in ringthrough.yaml, or set ${variableFor(key)}.`;
  switch (failure.code) {
    case 'EADDRINUSE':
      return new StartError(`${where} is taken by another program. ${remedy}`, { cause: error });
    case 'EACCES':
      return new StartError(`${where} may not be used by this user. ${remedy}`, { cause: error });
    case 'EADDRNOTAVAIL':
      return new StartError(
        `${host} is no address of this machine. Change ${key[0]}.host in ringthrough.yaml, or set ${variableFor([key[0] as string, 'host'])}.`,
        { cause: error },
      );
    default:
      return error;
  }
}
