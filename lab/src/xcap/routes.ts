import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Handset } from '../call/handset.ts';
import type { Carriers } from '../parts/carriers.ts';
import type { Handsets } from '../parts/handsets.ts';
import type { Simservs, XcapNode } from './documents.ts';
import { XcapConflict } from './simservs-rules.ts';

/** What the server needs of the lab. */
export interface XcapParts {
  carriers: Carriers;
  handsets: Handsets;
  simservs: Simservs;
}

interface XcapRoute {
  Params: { carrier: string; '*': string };
}

const documentType = 'application/vnd.etsi.simservs+xml';
const elementType = 'application/xcap-el+xml';
const path =
  /^simservs\.ngn\.etsi\.org\/users\/([^/]+)\/simservs\.xml(\/~~\/simservs\/communication-diversion(\/namespace::\*)?)?$/;

/** A request that ends with this status and no words. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`refused with ${status}`);
    this.status = status;
  }
}

/**
 * An XCAP server for each carrier (RFC 4825, 3GPP TS 24.623) below `…/:carrier/`: whole documents, and the element
 * communication-diversion. It wants the carrier's token, and answers 503 while the carrier's provisioning is down.
 */
export function addXcapRoutes(app: FastifyInstance, parts: XcapParts): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([documentType, elementType], { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  );
  app.setErrorHandler((error: Error & { statusCode?: number }, _request, reply) => {
    if (error instanceof XcapConflict) return answerConflict(reply, error);
    return reply.code(error instanceof Refusal ? error.status : (error.statusCode ?? 500)).send();
  });
  app.addHook('onRequest', async (request: FastifyRequest) =>
    admit(parts, request as FastifyRequest<XcapRoute>),
  );
  app.get<XcapRoute>('/:carrier/*', (request, reply) => {
    const { handset, node, namespaces } = resourceOf(parts, request);
    const found = parts.simservs.read(handset, node);
    if (!found) throw new Refusal(404);
    if (namespaces) return reply.type('application/xcap-ns+xml').send(rootOf(parts, handset));
    return reply
      .header('etag', found.etag)
      .type(node === 'document' ? documentType : elementType)
      .send(found.text);
  });
  app.put<XcapRoute & { Body: string }>('/:carrier/*', (request, reply) => {
    const { handset, node, namespaces } = resourceOf(parts, request);
    const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch, 'content-type': type } = request.headers;
    if (namespaces) throw new Refusal(405);
    if (type?.split(';')[0] !== (node === 'document' ? documentType : elementType)) throw new Refusal(415);
    const etag = parts.simservs.write(handset, {
      node,
      text: request.body,
      ...(ifMatch === undefined ? {} : { ifMatch }),
      ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    });
    if (etag === undefined) throw new Refusal(412);
    return reply.header('etag', etag).code(200).send();
  });
}

function admit({ carriers }: XcapParts, { params, headers }: FastifyRequest<XcapRoute>): void {
  const carrier = carriers.all().find(({ options }) => options.id === params.carrier);
  const expected = carrier?.options.xcapToken;
  const given = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1];
  if (!carrier || expected === undefined) throw new Refusal(404);
  if (given === undefined || !timingSafeEqual(digest(given), digest(expected))) throw new Refusal(401);
  if (carrier.condition.provisioning === 'down') throw new Refusal(503);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function resourceOf(
  { handsets }: XcapParts,
  { params, headers }: FastifyRequest<XcapRoute>,
): { handset: Handset; node: XcapNode; namespaces: boolean } {
  const [, user, selector, namespaces] = path.exec(params['*']) ?? [];
  const number = /^(?:tel:|sip:)?(\+\d{7,15})(?:@[^/]*)?$/.exec(user ?? '')?.[1];
  const handset = number === undefined ? undefined : handsets.get(number);
  if (handset?.carrierId !== params.carrier) throw new Refusal(404);
  const intended = headers['x-3gpp-intended-identity'];
  // Whose document it is has to be who is meant (3GPP TS 24.109).
  if (intended !== undefined && !String(intended).includes(handset.number)) throw new Refusal(403);
  return {
    handset,
    node: selector === undefined ? 'document' : 'communication-diversion',
    namespaces: namespaces !== undefined,
  };
}

/** The bindings of an element are those of the root here (RFC 4825 section 7.10). */
function rootOf({ simservs }: XcapParts, handset: Handset): string {
  const text = simservs.read(handset, 'document')?.text ?? '';
  const [, name = 'simservs', declarations = ''] =
    /<((?:[\w.-]+:)?simservs)((?:\s[^>]*?)?)\/?>/.exec(text) ?? [];
  return `<${name}${declarations}/>`;
}

function answerConflict(reply: FastifyReply, { element, message }: XcapConflict): FastifyReply {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<xcap-error xmlns="urn:ietf:params:xml:ns:xcap-error"><${element} phrase="${message}"/></xcap-error>\n`;
  return reply.code(409).type('application/xcap-error+xml').send(body);
}
