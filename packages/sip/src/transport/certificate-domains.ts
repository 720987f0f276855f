/**
 * The SIP domains that a certificate is for, RFC 5922 section 7.1, in lower case: of `sip` URIs without a user, and where
 * there are none, its DNS names. Wildcards mean nothing in SIP (section 7.2) and are passed over, as the common name is.
 * @param alternatives `subjectAltName` as `X509Certificate` shows it
 */
export function sipDomains(alternatives: string | undefined): string[] {
  // Values with a comma or quote in them are shown in quotes: none of them is a name that we look for.
  const entries = alternatives?.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  const named = entries.flatMap((entry) => {
    const [, kind, value = ''] = /^\s*(URI|DNS):([^"]*)$/.exec(entry) ?? [];
    return kind === undefined ? [] : [{ kind, value: value.trim().toLowerCase() }];
  });
  const uris = named.flatMap(({ kind, value }) => {
    const domain = kind === 'URI' ? /^sips?:([a-z0-9.-]+)$/.exec(value)?.[1] : undefined;
    return domain === undefined ? [] : [domain];
  });
  const names = named.filter(({ kind, value }) => kind === 'DNS' && /^[a-z0-9.-]+$/.test(value));
  return uris.length > 0 ? uris : names.map(({ value }) => value);
}
