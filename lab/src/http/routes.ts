import type { FastifyInstance } from 'fastify';
import type { Lab } from '../lab.ts';
import type { Participant } from '../ladder.ts';
import { LabError } from '../model/errors.ts';
import type { CarrierCondition, Coverage, RedirectionHeaders } from '../model/types.ts';
import { ladderAsPcap, ladderAsText } from './ladder-files.ts';
import {
  carrierSchema,
  coverageSchema,
  dialSchema,
  keysSchema,
  sendSmsSchema,
  smsSchema,
  speakSchema,
  voicemailSchema,
} from './schemas.ts';

interface ByNumber {
  Params: { number: string };
}
interface ById {
  Params: { id: string };
}

/** Two minutes of 8 kHz 16-bit sound, and room for a header. */
const maxWavBytes = 2 * 1024 * 1024;

/** REST of the lab, relative to `…/api`; described for people in lab/README.md. */
export function addRoutes(app: FastifyInstance, lab: Lab): void {
  addHandsetRoutes(app, lab);
  addCallControlRoutes(app, lab);
  addSpeechRoutes(app, lab);
  addNetworkRoutes(app, lab);
  addSmsRoute(app, lab);
}

function addHandsetRoutes(app: FastifyInstance, lab: Lab): void {
  app.get('/handsets', () => lab.handsets());
  app.get<ByNumber>('/handsets/:number', ({ params }) => lab.handset(params.number));
  app.get<ByNumber>('/handsets/:number/inbox', ({ params }) => lab.handset(params.number).inbox);
  app.delete<ByNumber>('/handsets/:number/inbox', ({ params }) => lab.clearInbox(params.number));
  app.put<ByNumber & { Body: { coverage: Coverage } }>(
    '/handsets/:number/coverage',
    { schema: coverageSchema },
    ({ params, body }) => lab.setCoverage(params.number, body.coverage),
  );
  app.put<ByNumber & { Body: { on: boolean } }>(
    '/handsets/:number/voicemail',
    { schema: voicemailSchema },
    ({ params, body }) => lab.setCarrierVoicemail(params.number, body.on),
  );
  app.post<ByNumber & { Body: { to: string; text: string } }>(
    '/handsets/:number/sms',
    { schema: sendSmsSchema },
    ({ params, body }, reply) => reply.code(202).send(lab.sendSms(params.number, body.to, body.text)),
  );
}

function addCallControlRoutes(app: FastifyInstance, lab: Lab): void {
  app.post<ByNumber & { Body: { number: string; ringMs?: number } }>(
    '/handsets/:number/dial',
    { schema: dialSchema },
    ({ params, body }) => lab.dial(params.number, body.number, body),
  );
  app.post<ByNumber>('/handsets/:number/answer', ({ params }) => lab.answer(params.number));
  app.post<ByNumber>('/handsets/:number/hangup', ({ params }) => lab.hangUp(params.number));
  app.post<ByNumber & { Body: { keys: string } }>(
    '/handsets/:number/keys',
    { schema: keysSchema },
    ({ params, body }, reply) => {
      lab.pressKeys(params.number, body.keys);
      return reply.code(204).send();
    },
  );
}

function addSpeechRoutes(app: FastifyInstance, lab: Lab): void {
  type SpeakBody = { prompt: string } | { toneHz: number; durationMs: number };
  app.addContentTypeParser(
    'audio/wav',
    { parseAs: 'buffer', bodyLimit: maxWavBytes },
    (_request, bytes, done) => done(null, bytes),
  );
  app.post<ByNumber & { Body: SpeakBody }>(
    '/handsets/:number/speak',
    { schema: speakSchema },
    ({ params, body }) => lab.speak(params.number, body),
  );
  app.post<ByNumber & { Body: unknown }>('/handsets/:number/speak-wav', ({ params, body }) => {
    if (!Buffer.isBuffer(body)) throw new LabError('bad-audio', 'Send a WAV file as audio/wav.');
    return lab.speak(params.number, { wav: body });
  });
  app.delete<ByNumber>('/handsets/:number/speak', ({ params }, reply) => {
    lab.stopSpeaking(params.number);
    return reply.code(204).send();
  });
  app.get<ByNumber>('/handsets/:number/hears', ({ params }) => lab.heard(params.number));
}

function addNetworkRoutes(app: FastifyInstance, lab: Lab): void {
  app.get('/carriers', () => lab.carriers());
  type CarrierBody = { redirection?: RedirectionHeaders } & Partial<CarrierCondition>;
  app.patch<ById & { Body: CarrierBody }>(
    '/carriers/:id',
    { schema: carrierSchema },
    ({ params: { id }, body: { redirection, ...condition } }) => {
      if (redirection !== undefined) lab.setRedirection(id, redirection);
      return lab.setCondition(id, condition);
    },
  );
  app.get('/sms', () => lab.sms());
  app.get<ById>('/carriers/:id/sms-link', ({ params }) => lab.smsLink(params.id));
  app.delete<ById>('/carriers/:id/sms-link', ({ params }) => lab.dropSmsLink(params.id));
  app.get('/calls', () => lab.calls());
  app.get<ById>('/calls/:id', ({ params }) => lab.call(params.id));
  app.get<ById>('/calls/:id/ladder', ({ params }) => lab.ladder(params.id));
  addLadderFiles(app, lab);
  app.get('/prompts', () => lab.prompts());
  app.get('/scenarios', () => lab.scenarios());
  app.post<{ Params: { name: string } }>('/scenarios/:name', ({ params }) => lab.loadScenario(params.name));
}

/** The ladder of a call to take away. */
function addLadderFiles(app: FastifyInstance, lab: Lab): void {
  const addressOf = (who: Participant) =>
    who === 'ringthrough' ? lab.server : lab.carriers().find(({ id }) => who === `switch:${id}`)?.sip;
  app.get<ById>('/calls/:id/ladder.txt', ({ params: { id } }, reply) => {
    const text = ladderAsText(lab.ladder(id), lab.call(id).startedAt);
    return reply.type('text/plain; charset=utf-8').send(text);
  });
  app.get<ById>('/calls/:id/ladder.pcap', ({ params: { id } }, reply) => {
    const pcap = ladderAsPcap(lab.ladder(id), addressOf);
    const name = `attachment; filename="call-${id}.pcap"`;
    return reply.type('application/vnd.tcpdump.pcap').header('content-disposition', name).send(pcap);
  });
}

/** The SMS webhook of the carrier: what Ringthrough posts to have a text delivered. */
function addSmsRoute(app: FastifyInstance, lab: Lab): void {
  type SmsBody = { id: string; from: string; to: string; text: string };
  app.post<{ Body: SmsBody }>(
    '/sms',
    {
      schema: smsSchema,
      // Before the body is read: a stranger learns nothing about what would be accepted.
      onRequest: async (request) => {
        const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
        if (token === undefined || !lab.mayDeliverSms(token)) {
          throw new LabError('unauthorized', 'The bearer token is missing or wrong.');
        }
      },
    },
    ({ body }, reply) => {
      const result = lab.acceptSms(body);
      return reply.code(202).send({ id: body.id, result });
    },
  );
}
