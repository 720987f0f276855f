import { StoreUnavailableError } from '../errors.ts';

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
const serializationFailure = '40001';
const deadlockDetected = '40P01';
const uniqueViolation = '23505';
const foreignKeyViolation = '23503';

/** The server cannot serve: connection exceptions, lack of resources, shutdown and start. Not what is wrong with a query. */
const unavailable = /^(08|53|57P0)/;
/** A statement took longer than it may, or a transaction was left open for too long. */
const tooLong = new Set(['57014', '25P03']);

/**
 * Why a transaction may be run again. `conflict`: it met another one. `constraint`: what it found was no longer so when it
 * wrote; alone it will find the truth, or break the rule once more.
 */
export function retryReason(error: unknown): 'conflict' | 'constraint' | undefined {
  const code = codeOf(error);
  if (code === serializationFailure || code === deadlockDetected) return 'conflict';
  return code === uniqueViolation || code === foreignKeyViolation ? 'constraint' : undefined;
}

/**
 * The error as the house knows it. One of the server's own keeps its code, but not the values of the row, which may be a
 * secret: they would go into the log.
 */
export function toStoreError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StoreUnavailableError) return error;
  const { code, severity } = error as Error & { code?: string; severity?: string };
  if (severity === undefined) {
    // Not the server's: the way to it. Errors of the network hold the address, of the library nothing.
    return new StoreUnavailableError(`the database cannot be reached: ${textOf(error)}`, { cause: error });
  }
  if (code !== undefined && (unavailable.test(code) || tooLong.has(code))) {
    return new StoreUnavailableError(`the database cannot serve now (${code}): ${error.message}`, {
      cause: error,
    });
  }
  for (const member of ['detail', 'where', 'internalQuery', 'hint']) Reflect.deleteProperty(error, member);
  return error;
}

/** True when nothing more can be asked over the connection: the server has only refused this one query otherwise. */
export function endsConnection(error: unknown): boolean {
  const { severity } = error as { severity?: string };
  return severity !== 'ERROR';
}

/** Of several addresses that were tried, Node tells all, and an empty message. */
function textOf(error: Error): string {
  const { errors } = error as AggregateError;
  return error.message || (errors ?? []).map((one) => (one as Error).message).join('; ');
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
