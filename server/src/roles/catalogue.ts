import {
  CarrierCatalogue,
  CatalogueEditor,
  CatalogueFile,
  EnumLookup,
  PortabilityCache,
} from '../carrier/index.ts';
import type { Config } from '../config.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/index.ts';
import type { Teardown } from './teardown.ts';

export interface OpenedCatalogue {
  catalogue: CarrierCatalogue;
  catalogueEditor: CatalogueEditor;
}

/** The carriers of configuration and portability lookup, without those of file and operators. */
export function createCatalogue(options: { config: Config; store: Store; log: Logger }): OpenedCatalogue {
  const { config, store } = options;
  const log = options.log.child({ module: 'catalogue' });
  const catalogue = new CarrierCatalogue(config.carriers, createPortability(config, log));
  const canVerifyTrunks = config.sip.tls?.ca !== undefined;
  return { catalogue, catalogueEditor: new CatalogueEditor({ store, catalogue, log, canVerifyTrunks }) };
}

/**
 * All carriers, from all sources; before trunks and SMS centres are opened.
 * @throws ConfigError when the file of carriers cannot be used
 */
export async function openCatalogue(
  options: { config: Config; store: Store; log: Logger },
  teardown: Teardown,
): Promise<OpenedCatalogue> {
  const opened = createCatalogue(options);
  const { config } = options;
  const log = options.log.child({ module: 'catalogue' });
  if (config.catalogue.file !== undefined) {
    const file = new CatalogueFile({ path: config.catalogue.file, config, catalogue: opened.catalogue, log });
    await file.open();
    teardown.add('file of carriers', () => file.close());
  }
  await opened.catalogueEditor.open();
  return opened;
}

function createPortability({ catalogue }: Config, log: Logger): PortabilityCache | undefined {
  const { enum: enumeration, timeoutMs, cacheSeconds, cacheEntries } = catalogue.portability;
  if (!enumeration) return undefined;
  return new PortabilityCache({
    lookup: new EnumLookup({ ...enumeration, timeoutMs }),
    timeoutMs,
    cacheMs: cacheSeconds * 1000,
    maxEntries: cacheEntries,
    now: Date.now,
    failed: (error) => {
      const { code, name } = error as NodeJS.ErrnoException;
      log.warn({ reason: code ?? name }, 'a portability lookup failed; the ranges decide');
    },
  });
}
