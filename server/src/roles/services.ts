import { Accounts, SetUpLinks } from '../accounts/index.ts';
import {
  type CarrierCatalogue,
  type CatalogueEditor,
  type PostToSelf,
  SmsService,
} from '../carrier/index.ts';
import type { Config } from '../config.ts';
import type { Fabric } from '../fabric/index.ts';
import { type AskSelf, Forwarding } from '../forwarding/index.ts';
import type { Logger } from '../log.ts';
import { deriveKey, type Store } from '../store/index.ts';
import { SmsCode, SmsConfirm, SmsFromClient, Validations } from '../validation/index.ts';
import { createCatalogue, type OpenedCatalogue } from './catalogue.ts';

export interface ServicesOptions {
  config: Config;
  store: Store;
  fabric: Fabric;
  log: Logger;
  masterKey: Buffer;
  /** Where an SMS URL that is a path only leads. */
  postToSelf: PostToSelf;
  /** Where an XCAP root that is a path only leads. */
  askSelf?: AskSelf;
  /** Default: the carriers of the configuration. */
  catalogue?: OpenedCatalogue;
  now?: () => number;
}

export interface Services {
  accounts: Accounts;
  setUpLinks: SetUpLinks;
  catalogue: CarrierCatalogue;
  catalogueEditor: CatalogueEditor;
  sms: SmsService;
  validations: Validations;
  forwarding: Forwarding;
}

/** The modules that need neither SIP nor media. */
export function createServices(options: ServicesOptions): Services {
  const { catalogue, catalogueEditor } = options.catalogue ?? createCatalogue(options);
  const sms = createSms(options, catalogue);
  const validations = createValidations(options, catalogue, sms);
  const accounts = createAccounts(options, validations);
  return {
    accounts,
    setUpLinks: createSetUpLinks(options),
    catalogue,
    catalogueEditor,
    sms,
    validations,
    forwarding: createForwarding(options, catalogue, accounts),
  };
}

function createAccounts(
  { config, store, fabric, masterKey, now }: ServicesOptions,
  validations: Validations,
): Accounts {
  const { accounts } = config;
  return new Accounts({
    store,
    fabric,
    argon2: {
      memoryKib: accounts.argon2MemoryKib,
      passes: accounts.argon2Passes,
      atOnce: accounts.passwordHashesAtOnce,
    },
    password: { minLength: accounts.passwordMinLength, maxLength: accounts.passwordMaxLength },
    sessions: {
      key: deriveKey(masterKey, 'session tokens'),
      accessLifetimeMs: accounts.accessTokenMinutes * 60_000,
      lifetimeMs: accounts.sessionLifetimeDays * 86_400_000,
      graceMs: accounts.refreshGraceSeconds * 1000,
    },
    forgetProofs: (trx, account) => validations.forget(trx, account),
    numberlessKeptMs: accounts.numberlessKeptDays * 86_400_000,
    maxDevicesPerAccount: accounts.maxDevicesPerAccount,
    maxNumbersPerAccount: accounts.maxNumbersPerAccount,
    ...(now ? { now } : {}),
  });
}

function createSetUpLinks({ config, store, now }: ServicesOptions): SetUpLinks {
  const lifetimeMs = config.softphones.setUpLinkSeconds * 1000;
  return new SetUpLinks({ store, lifetimeMs, ...(now ? { now } : {}) });
}

function createForwarding(
  { config, store, fabric, log, askSelf, now }: ServicesOptions,
  catalogue: CarrierCatalogue,
  { notices }: Accounts,
): Forwarding {
  const { forwarding } = config;
  return new Forwarding({
    store,
    fabric,
    catalogue,
    log: log.child({ module: 'forwarding' }),
    tell: (accountId, notice) => notices.tellOnce(accountId, notice, 0),
    ...(askSelf ? { askSelf } : {}),
    firstRetryMs: forwarding.firstRetrySeconds * 1000,
    maxRetryMs: forwarding.maxRetrySeconds * 1000,
    giveUpAfterMs: forwarding.giveUpAfterSeconds * 1000,
    parallel: forwarding.parallel,
    ...(now ? { now } : {}),
  });
}

function createSms(
  { config, store, log, postToSelf, now }: ServicesOptions,
  catalogue: CarrierCatalogue,
): SmsService {
  return new SmsService({
    settings: config.sms,
    catalogue,
    store,
    log: log.child({ module: 'sms' }),
    postToSelf,
    ...(now ? { now } : {}),
  });
}

function createValidations(
  { config, store, masterKey, now }: ServicesOptions,
  catalogue: CarrierCatalogue,
  sms: SmsService,
): Validations {
  const { validation } = config;
  const origin = clientOrigin(config);
  return new Validations({
    store,
    carriers: catalogue,
    mechanisms: [
      new SmsCode({ sms, digits: validation.codeDigits, origin }),
      new SmsConfirm({ sms, origin }),
      new SmsFromClient({ inbox: sms.inbox }),
    ],
    key: deriveKey(masterKey, 'validation codes'),
    codeLifetimeMs: validation.codeLifetimeSeconds * 1000,
    attempts: validation.attempts,
    wrongCodesPerNumberPerDay: validation.wrongCodesPerNumberPerDay,
    proofLifetimeMs: validation.proofLifetimeSeconds * 1000,
    sendLimits: {
      perNumberPerHour: validation.sendsPerNumberPerHour,
      perAddressPerHour: validation.sendsPerAddressPerHour,
      perAccountPerHour: validation.sendsPerAccountPerHour,
      perCountryPerHour: validation.sendsPerCountryPerHour,
      byCountry: validation.sendsByCountry,
      perHour: validation.sendsPerHour,
    },
    ...(now ? { now } : {}),
  });
}

/** Where the links in SMS lead. Without `http.publicOrigin` the service is for this machine. */
function clientOrigin({ http }: Config): string {
  const port = http.port === 0 ? '' : `:${http.port}`;
  return http.publicOrigin ?? `${http.tls ? 'https' : 'http'}://localhost${port}`;
}
