import { type SipStack, systemClock } from '@ringthrough/sip';
import { TrunkLoad } from '../calls/index.ts';
import { type CarrierCatalogue, TrunkDialer, type TrunkState, Trunks } from '../carrier/index.ts';
import { type Config, sipRealm, trunkIdAt } from '../config.ts';
import type { Fabric } from '../fabric/index.ts';
import type { GaugeSource } from '../http/index.ts';
import type { Logger } from '../log.ts';
import type { Registrar, SourceGuard } from '../registration/index.ts';
import { deriveKey } from '../store/index.ts';

export interface TrunkParts {
  trunks: Trunks;
  dialer: TrunkDialer;
  load: TrunkLoad;
  gauges: GaugeSource[];
}

/** The trunks of all carriers: who their calls come from, and the way out over them. */
export function createTrunks(
  options: { config: Config; fabric: Fabric; log: Logger; masterKey: Buffer; catalogue: CarrierCatalogue },
  { stack, registrar, guard }: { stack: SipStack; registrar: Registrar; guard: SourceGuard },
): TrunkParts {
  const { config, fabric, log, masterKey, catalogue } = options;
  const load = new TrunkLoad(Date.now);
  const carriers = catalogue.all();
  const trunks = new Trunks({
    carriers,
    guard: {
      admits: (request, flow) => registrar.admits(request, flow),
      failed: (flow) => guard.failed(flow, registrar.knows(flow)),
    },
    realm: sipRealm,
    nonceLifetimeMs: config.sip.nonceLifetimeSeconds * 1000,
    secret: deriveKey(masterKey, 'trunk nonces').toString('base64'),
    now: Date.now,
  });
  const dialer = new TrunkDialer({
    carriers,
    stack,
    clock: systemClock,
    load,
    fabric,
    log: log.child({ module: 'trunks' }),
  });
  return { trunks, dialer, load, gauges: trunkGauges(catalogue, { dialer, load }) };
}

/** Whether any trunk proves itself by a client certificate, so that listeners have to ask for one. */
export function asksForCertificates(catalogue: CarrierCatalogue): boolean {
  return catalogue.all().some(({ trunks }) => trunks.some(({ tls }) => tls !== undefined));
}

/** What /metrics tells of each trunk: names from the configuration, no numbers. */
function trunkGauges(
  catalogue: CarrierCatalogue,
  { dialer, load }: Pick<TrunkParts, 'dialer' | 'load'>,
): GaugeSource[] {
  const trunks = catalogue.all().flatMap((carrier) =>
    carrier.trunks.map((limits, index) => ({
      limits,
      labels: { carrier: carrier.id, trunk: trunkIdAt(limits, index) },
    })),
  );
  const labelNames = ['carrier', 'trunk', 'direction'];
  const directions = ['inbound', 'outbound'] as const;
  const perDirection = (name: string, help: string, key: 'calls' | 'refused'): GaugeSource => ({
    name,
    help,
    labelNames,
    readAll: () =>
      trunks.flatMap(({ labels, limits }) =>
        directions.map((direction) => ({
          labels: { ...labels, direction },
          value: load.stats(limits)[key][direction],
        })),
      ),
  });
  const perLine = (name: string, help: string, value: (state: TrunkState) => number): GaugeSource => ({
    name,
    help,
    labelNames: ['carrier', 'trunk'],
    readAll: () =>
      dialer.states().map((state) => ({
        labels: { carrier: state.carrierId, trunk: state.trunkId },
        value: value(state),
      })),
  });
  return [
    {
      name: 'ringthrough_trunk_calls_active',
      help: 'Calls in progress, by trunk',
      labelNames: ['carrier', 'trunk'],
      readAll: () => trunks.map(({ labels, limits }) => ({ labels, value: load.stats(limits).active })),
    },
    perDirection('ringthrough_trunk_calls_total', 'Calls, by trunk', 'calls'),
    perDirection('ringthrough_trunk_refused_total', 'Calls refused for the limits of their trunk', 'refused'),
    perLine('ringthrough_trunk_up', 'Whether the trunk takes calls of ours', ({ up }) => Number(up)),
    perLine(
      'ringthrough_trunk_failures_total',
      'Calls of ours that the trunk did not take: no answer, 503, no way to it',
      ({ failures }) => failures,
    ),
  ];
}
