import { z } from 'zod';
import { linphoneConfiguration } from '../../accounts/index.ts';
import { languages, sipRealm } from '../../config.ts';
import { Problem } from '../../problem.ts';
import { clientAddress } from '../client-address.ts';
import type { Api, ApiContext } from '../context.ts';
import * as schemas from '../schemas.ts';
import { loggedIn, sessionOf } from '../session-cookie.ts';

const tags = ['devices'];

const testCall = z.object({
  state: z
    .enum(['calling', 'ringing', 'answered', 'completed', 'no-answer', 'rejected', 'failed'])
    .nullable()
    .describe('Null: there was none in the last minutes'),
});

const setUpFile = {
  description: 'What the softphone reads',
  content: { 'application/xml': { schema: z.string() } },
};

/** The softphone itself fetches its configuration, once: it has no login yet. */
export function softphoneSetUpRoutes(api: Api, { config, limits, setUpLinks, sipServer }: ApiContext): void {
  api.get(
    '/set-up/:token',
    {
      schema: {
        tags,
        summary: 'The configuration of a softphone, for Linphone (lpconfig.xsd). Good once.',
        params: z.strictObject({ token: z.string().min(1).max(100) }),
        response: { 200: setUpFile, ...schemas.errors },
      },
    },
    async (request, reply) => {
      limits.loginsByAddress.take(clientAddress(request.ip));
      const softphone = await setUpLinks.take(request.params.token);
      if (!softphone) throw new Problem('not-found', 'This address was used already or is too old.');
      const sip = { domain: config.sip.domain, realm: sipRealm, server: sipServer() };
      return reply
        .header('cache-control', 'no-store')
        .type('application/xml; charset=utf-8')
        .serializer((body: unknown) => String(body))
        .send(linphoneConfiguration(softphone, sip));
    },
  );
}

/** Setting up a softphone, and trying it. */
export function softphoneRoutes(api: Api, context: ApiContext): void {
  const { accounts, config, setUpLinks } = context;
  api.addHook('onRequest', loggedIn);

  api.post(
    '/devices/:id/set-up',
    {
      schema: {
        tags,
        summary: 'An address from which a softphone fetches its configuration; the one before is void',
        params: schemas.idParams,
        response: {
          201: z.object({
            path: z.string().describe('On this origin; shown as a QR code to Linphone'),
            expiresAt: schemas.time,
          }),
          ...schemas.errors,
        },
      },
    },
    async (request, reply) => {
      if (!config.sip.digestAlgorithms.includes('MD5')) {
        throw new Problem('set-up-by-hand', 'Type server, user name and password into the softphone.');
      }
      const { token, expiresAt } = await setUpLinks.create(sessionOf(request).accountId, request.params.id);
      return reply.code(201).send({ path: `/api/set-up/${token}`, expiresAt });
    },
  );

  const own = async (accountId: string, deviceId: string): Promise<void> => {
    const devices = await accounts.devices.list(accountId);
    const device = devices.find(({ id, kind }) => id === deviceId && kind === 'softphone');
    if (!device) throw new Problem('no-such-device');
  };
  testCallRoutes(api, context, own);
}

function testCallRoutes(
  api: Api,
  { testCalls }: ApiContext,
  own: (accountId: string, deviceId: string) => Promise<void>,
): void {
  // Whoever waits is let go when the server stops.
  const closing = new AbortController();
  api.addHook('preClose', async () => closing.abort());

  api.post(
    '/devices/:id/test-call',
    {
      schema: {
        tags,
        summary: 'Ring a softphone and speak to whoever answers',
        params: schemas.idParams,
        body: z.strictObject({ language: z.enum(languages).default('en') }),
        response: { 202: testCall, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { accountId } = sessionOf(request);
      const { id } = request.params;
      await own(accountId, id);
      return reply.code(202).send({ state: testCalls.start(accountId, id, request.body.language) });
    },
  );

  api.get(
    '/devices/:id/test-call',
    {
      schema: {
        tags,
        summary: 'How the last test call stands. Waits for news while it is going on.',
        params: schemas.idParams,
        querystring: z.strictObject({
          waitSeconds: z.coerce.number().min(0).max(25).default(0),
          seen: testCall.shape.state.unwrap().optional(),
        }),
        response: { 200: testCall, ...schemas.errors },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await own(sessionOf(request).accountId, id);
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const { waitSeconds, seen } = request.query;
      const signal = AbortSignal.any([closing.signal, gone.signal]);
      const state = await testCalls.state(id, {
        seen,
        ms: waitSeconds * 1000,
        signal,
      });
      return { state: state ?? null };
    },
  );
}
