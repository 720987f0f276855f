import type { Migration } from 'kysely';
import { initial } from './0001-initial.ts';
import { silentBindings } from './0002-silent-bindings.ts';
import { compactBindings } from './0003-compact-bindings.ts';
import { bindingPaths } from './0004-binding-paths.ts';
import { deviceIdentities } from './0005-device-identities.ts';
import { onePrimary } from './0006-one-primary.ts';
import { sessionsAndClosing } from './0006-sessions-and-closing.ts';
import { validationMechanisms } from './0007-validation-mechanisms.ts';
import { sms } from './0008-sms.ts';
import { forwarding } from './0009-forwarding.ts';
import { transactionTurns } from './0010-transaction-turns.ts';
import { setUpLinks } from './0011-set-up-links.ts';
import { answeredDevices } from './0012-answered-devices.ts';

/** In order of their names. A migration that was released is never changed: add one. */
export const migrations: Record<string, Migration> = {
  '0001-initial': initial,
  '0002-silent-bindings': silentBindings,
  '0003-compact-bindings': compactBindings,
  '0004-binding-paths': bindingPaths,
  '0005-device-identities': deviceIdentities,
  '0006-one-primary': onePrimary,
  '0006-sessions-and-closing': sessionsAndClosing,
  '0007-validation-mechanisms': validationMechanisms,
  '0008-sms': sms,
  '0009-forwarding': forwarding,
  '0010-transaction-turns': transactionTurns,
  '0011-set-up-links': setUpLinks,
  '0012-answered-devices': answeredDevices,
};
