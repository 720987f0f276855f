interface OtpCredential extends Credential {
  code: string;
}

export const canReadSms = (): boolean => 'OTPCredential' in window;

/** What the origin-bound line of an SMS brings, read by the browser itself where it can (WebOTP). */
export async function readSms(signal: AbortSignal): Promise<string | undefined> {
  if (!canReadSms()) return undefined;
  const options = { otp: { transport: ['sms'] }, signal } as CredentialRequestOptions;
  try {
    return ((await navigator.credentials.get(options)) as OtpCredential | null)?.code;
  } catch {
    // Aborted, or the person declined: there are other ways.
    return undefined;
  }
}
