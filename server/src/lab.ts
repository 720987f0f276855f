import { join } from 'node:path';
import { defaultCarriers, Lab, labPlugin, type PostJson, SmppListenError } from '@ringthrough/lab';
import type { FastifyInstance } from 'fastify';
import type { PostToSelf } from './carrier/index.ts';
import { type CarrierConfig, type Config, variableFor } from './config.ts';
import type { Logger } from './log.ts';
import { StartError } from './start-error.ts';

/** A started lab, to be mounted and closed by the one who runs it. */
export interface MountedLab {
  lab: Lab;
  plugin: (app: FastifyInstance) => Promise<void>;
  close: () => Promise<void>;
}

/**
 * Starts the carrier in a box: those of its carriers that the configuration knows by id, on their trunks' ports.
 * @throws StartError when a port of a trunk is taken
 */
export async function startLab(
  { config, log, postToSelf }: { config: Config; log: Logger; postToSelf: PostToSelf },
  server: { host: string; port: number },
): Promise<MountedLab> {
  const carriers = defaultCarriers().flatMap((carrier) => {
    const configured = config.carriers.find(({ id }) => id === carrier.id);
    if (!configured) return [];
    return [{ ...carrier, ...asConfigured(configured, config) }];
  });
  const stateFile = join(config.dataDir, 'lab.json');
  // Paths are of this server; over a socket its certificate need not be for this machine.
  const post: PostJson = async (url, message) =>
    (await postToSelf(url, { ...message, signal: AbortSignal.timeout(10_000) })).status;
  const { smppPort } = config.lab;
  const lab = new Lab({ server, carriers, stateFile, smppPort, post, log: log.child({ module: 'lab' }) });
  try {
    await lab.start();
  } catch (error) {
    throw explain(error, config);
  }
  return {
    lab,
    plugin: async (app) => {
      await app.register(labPlugin({ lab }), { prefix: '/lab' });
    },
    close: () => lab.close(),
  };
}

/** The numbers and ports that both sides must agree on. */
function asConfigured(
  { id, cNumber, trunks, sms, validationNumbers, provisioning }: CarrierConfig,
  { lab }: Config,
) {
  const xcapToken = provisioning?.adapter === 'xcap' ? provisioning.token : undefined;
  const missedCall = validationNumbers?.missedCall;
  const own = validationNumbers?.sms === undefined ? {} : { smsNumber: validationNumbers.sms };
  return {
    cNumber,
    sipPort: trunks[0]?.port ?? 0,
    smsToken: sms?.token ?? lab.smsToken,
    ...smsLink(id, sms),
    serviceNumbers: missedCall === undefined ? [] : [missedCall],
    ...own,
    ...(xcapToken === undefined ? {} : { xcapToken }),
  };
}

/** How its SMS centre and this server talk. */
function smsLink(id: string, sms: CarrierConfig['sms']) {
  if (sms?.smpp) return { smpp: { systemId: sms.smpp.systemId, password: sms.smpp.password } };
  const token = sms?.inboundToken;
  if (token === undefined) return {};
  const [inboundUrl, receiptUrl] = [`/api/sms/inbound/${id}`, `/api/sms/receipts/${id}`];
  return { webhook: { inboundUrl, receiptUrl, token } };
}

function explain(error: unknown, config: Config): unknown {
  const { code, host, port } = error as { code?: string; host?: string; port?: number };
  if (code !== 'EADDRINUSE') return error;
  if (error instanceof SmppListenError) {
    return new StartError(
      `TCP port ${port} on ${host}, where the lab has its SMS centre, is taken by another program. ` +
        `Change lab.smppPort in ringthrough.yaml, or set ${variableFor(['lab', 'smppPort'])}, ` +
        `or do without the lab: ${variableFor(['lab', 'enabled'])}=false.`,
      { cause: error },
    );
  }
  const { sipPort } = config.lab;
  const byDefault = port !== undefined && port >= sipPort && port < sipPort + defaultCarriers().length;
  const remedy = byDefault
    ? `Change lab.sipPort in ringthrough.yaml, or set ${variableFor(['lab', 'sipPort'])}`
    : 'Change the port of its trunk under carriers in ringthrough.yaml';
  return new StartError(
    `UDP port ${port} on ${host}, where the lab's carrier has its switch, is taken by another program. ` +
      `${remedy}, or do without the lab: ${variableFor(['lab', 'enabled'])}=false.`,
    { cause: error },
  );
}
