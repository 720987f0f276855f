import type { SoftphoneIdentity } from './set-up-links.ts';

export interface SipServerAddress {
  domain: string;
  realm: string;
  /** host:port, UDP and TCP. */
  server: string;
}

/** In the order of liblinphone's own files: section, entry, value. */
type Sections = Array<[section: string, entries: Array<[entry: string, value: string]>]>;

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

/**
 * What liblinphone's remote provisioning reads (lpconfig.xsd): one account, over TCP, which NATs keep open longer. It
 * brings HA1 in place of the password, which nobody has any more. `transient_provisioning`: fetched once, not at every
 * start.
 */
export function linphoneConfiguration(softphone: SoftphoneIdentity, sip: SipServerAddress): string {
  const sections: Sections = [
    ['misc', [['transient_provisioning', '1']]],
    ['sip', [['default_proxy', '0']]],
    [
      'proxy_0',
      [
        ['reg_proxy', `<sip:${sip.server};transport=tcp>`],
        ['reg_identity', `<sip:${softphone.user}@${sip.domain}>`],
        ['reg_expires', '600'],
        ['reg_sendregister', '1'],
        ['publish', '0'],
      ],
    ],
    [
      'auth_info_0',
      [
        ['username', softphone.user],
        ['ha1', softphone.ha1Md5],
        ['realm', sip.realm],
        ['domain', sip.domain],
        ['algorithm', 'MD5'],
      ],
    ],
  ];
  const lines = sections.map(([section, entries]) =>
    [
      `  <section name="${section}">`,
      ...entries.map(
        ([name, value]) => `    <entry name="${name}" overwrite="true">${escaped(value)}</entry>`,
      ),
      '  </section>',
    ].join('\n'),
  );
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<config xmlns="http://www.linphone.org/xsds/lpconfig.xsd">',
    ...lines,
    '</config>',
    '',
  ].join('\n');
}
