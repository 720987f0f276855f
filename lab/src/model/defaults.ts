import type { CarrierOptions } from './types.ts';

/** Carried by the default configuration on both sides; the lab listens on loopback only. */
export const defaultSmsToken = 'lab-sms-token';

/** The two carriers of the lab, with numbers from ranges that are reserved for fiction. */
export function defaultCarriers(): CarrierOptions[] {
  return [
    {
      id: 'lab-gsm',
      name: 'Lab GSM',
      country: 'US',
      prefix: '+1',
      cNumber: '+14155559000',
      sipPort: 5070,
      redirection: 'diversion',
      codecs: ['PCMU', 'PCMA'],
      ringback: { frequenciesHz: [440, 480], cadenceMs: [2000, 4000] },
      smsToken: defaultSmsToken,
      handsets: [
        { number: '+14155550101', owner: 'Your US SIM', role: 'own' },
        { number: '+12125550199', owner: 'Caller in New York', role: 'caller' },
      ],
    },
    {
      id: 'lab-mobile-uk',
      name: 'Lab Mobile UK',
      country: 'GB',
      prefix: '+44',
      cNumber: '+447700900999',
      sipPort: 5071,
      redirection: 'history-info',
      codecs: ['PCMA', 'PCMU'],
      ringback: { frequenciesHz: [400, 450], cadenceMs: [400, 200, 400, 2000] },
      smsToken: defaultSmsToken,
      handsets: [
        { number: '+447700900123', owner: 'Your UK SIM', role: 'own' },
        { number: '+447700900456', owner: 'Caller in London', role: 'caller' },
      ],
    },
  ];
}
