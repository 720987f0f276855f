/** What the device is, as far as dialling and SMS go: a tablet counts as a computer, it has no line. */
export type Platform = 'android' | 'ios' | 'computer';

export function platformOf(userAgent: string): Platform {
  if (/iPhone|iPod/.test(userAgent)) return 'ios';
  return /Android.*Mobile/.test(userAgent) ? 'android' : 'computer';
}

export const platform = (): Platform => platformOf(navigator.userAgent);

/** A `tel:` address that opens the dialler with the command; `#` would start a fragment (RFC 3966 escapes it). */
export function dialAddress(command: string): string {
  return `tel:${command.replaceAll('#', '%23')}`;
}

/** iOS opens no `tel:` address with `*` or `#` in it. */
export function canDial(command: string, on: Platform): boolean {
  return on === 'android' || (on === 'ios' && !/[*#]/.test(command));
}

/** An `sms:` address with the finished text (RFC 5724); iOS wants its `body` after an ampersand. */
export function smsAddress(to: string, text: string, on: Platform): string {
  return `sms:${to}${on === 'ios' ? '&' : '?'}body=${encodeURIComponent(text)}`;
}

/** The same for a QR code: what the cameras of both systems understand. */
export function smsCode(to: string, text: string): string {
  return `SMSTO:${to}:${text}`;
}
