/** Alert descriptions used here: RFC 5246 section 7.2. */
export const AlertDescription = {
  close_notify: 0,
  unexpected_message: 10,
  handshake_failure: 40,
  bad_certificate: 42,
  illegal_parameter: 47,
  decode_error: 50,
  decrypt_error: 51,
  protocol_version: 70,
  internal_error: 80,
} as const;

export type AlertName = keyof typeof AlertDescription;

/** Why a handshake cannot go on. Never leaves `DtlsSession`: it becomes an alert and a `failed` output. */
export class DtlsFailure extends Error {
  readonly alert: AlertName;
  constructor(alert: AlertName, message: string) {
    super(message);
    this.name = 'DtlsFailure';
    this.alert = alert;
  }
}
