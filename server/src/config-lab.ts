import { createHash } from 'node:crypto';
import { provisioningSchema } from './config-carriers.ts';
import type { CarrierConfig } from './config-schema.ts';
import { carrierSmsSchema } from './config-sms.ts';
import { trunkSchema } from './config-trunks.ts';

/**
 * The carriers that live in the lab (lab/README.md), with numbers that are reserved for fiction and networks of the
 * test MCC 001. Their SMS centre is this server itself, by SMPP, and for one of them by HTTP; the switch of each listens on a port of its own from `sipPort`.
 */
export function labCarriers(
  token: string,
  { sipPort, smppPort }: { sipPort: number; smppPort: number },
): CarrierConfig[] {
  const overHttp = { url: '/lab/api/sms', token, inboundToken: token };
  // A password has eight characters.
  const password = createHash('sha256').update(token).digest('base64url').slice(0, 8);
  const overSmpp = (systemId: string) =>
    carrierSmsSchema.parse({ smpp: { host: '127.0.0.1', port: smppPort, systemId, password } });
  const trunks = (index: number) => {
    const port = sipPort + index;
    // It is there as long as the server itself: nobody has to ask.
    const outbound = { uri: `sip:127.0.0.1:${port}`, optionsSeconds: 0 };
    return [trunkSchema.parse({ host: '127.0.0.1', port, outbound })];
  };
  return [
    {
      id: 'lab-gsm',
      name: 'Lab GSM',
      country: 'US',
      family: 'gsm',
      mccMnc: ['00101'],
      prefixes: ['+1415', '+1212'],
      cNumber: '+14155559000',
      validationNumbers: { sms: '+14155559001', missedCall: '+14155559002' },
      trunks: trunks(0),
      sms: overSmpp('lab-gsm'),
    },
    {
      id: 'lab-mobile-uk',
      name: 'Lab Mobile UK',
      country: 'GB',
      family: 'gsm',
      mccMnc: ['00102'],
      prefixes: ['+44'],
      cNumber: '+447700900999',
      validationNumbers: { sms: '+447700900998', missedCall: '+447700900997' },
      trunks: trunks(1),
      sms: overHttp,
      provisioning: provisioningSchema.parse({ adapter: 'xcap', url: '/lab/xcap/lab-mobile-uk', token }),
    },
    {
      id: 'lab-cdma',
      name: 'Lab CDMA',
      country: 'US',
      family: 'cdma',
      mccMnc: ['00103'],
      prefixes: ['+1312'],
      cNumber: '+13125559000',
      validationNumbers: { sms: '+13125559001', missedCall: '+13125559002' },
      trunks: trunks(2),
      sms: overSmpp('lab-cdma'),
    },
    {
      id: 'lab-mobil-de',
      name: 'Lab Mobil',
      country: 'DE',
      family: 'gsm',
      mccMnc: ['00104'],
      prefixes: ['+49171392'],
      cNumber: '+491713920099',
      validationNumbers: { sms: '+491713920098', missedCall: '+491713920097' },
      language: 'de',
      trunks: trunks(3),
      sms: overSmpp('lab-mobil-de'),
    },
  ];
}
