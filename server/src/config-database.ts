import { z } from 'zod';

const positive = z.int().min(1);
const file = z.string().min(1);
const seconds = z.number().positive();

/** Where accounts, numbers, registrations and records are kept. */
export const databaseSchema = z.strictObject({
  url: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be a URL such as postgres://user@host:5432/ringthrough')
    .optional()
    .describe('PostgreSQL, `postgres://user:password@host:5432/name`; default: SQLite in dataDir'),
  passwordFile: file
    .optional()
    .describe('File with the password of PostgreSQL, when the URL has none; read for each connection'),
  poolSize: positive.default(10).describe('Connections to PostgreSQL, and one more'),
  tls: z
    .strictObject({
      enabled: z.boolean().optional().describe('TLS to PostgreSQL; default: unless it is on this machine'),
      ca: file.optional().describe('File, PEM: who signs its certificate; default: known authorities'),
      cert: file.optional().describe('File, PEM: our certificate, when it asks for one'),
      key: file.optional().describe('File, PEM: its key'),
      serverName: z.string().min(1).optional().describe('Name in its certificate, when the host is not it'),
    })
    .prefault({}),
  connectTimeoutSeconds: seconds.default(5).describe('For a connection to PostgreSQL to be there'),
  queryTimeoutSeconds: seconds.default(30).describe('For a statement of PostgreSQL'),
  maxWaitingWrites: positive
    .default(100_000)
    .describe('Changes that may wait for the disk or a connection; further ones fail'),
});
