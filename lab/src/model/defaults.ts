import type { CarrierOptions, Ringback } from './types.ts';

/** Carried by the default configuration on both sides; the lab listens on loopback only. */
export const defaultSmsToken = 'lab-sms-token';

const northAmerica: Ringback = { frequenciesHz: [440, 480], cadenceMs: [2000, 4000] };

/**
 * The carriers of the lab, with handsets from ranges that are reserved for fiction: 555-01XX in North America (ATIS),
 * 07700 900XXX (Ofcom), 0171 39200XX (Bundesnetzagentur).
 */
export function defaultCarriers(): CarrierOptions[] {
  return [labGsm(), labMobileUk(), labCdma(), labMobilDe()];
}

function labGsm(): CarrierOptions {
  return {
    id: 'lab-gsm',
    name: 'Lab GSM',
    country: 'US',
    prefix: '+1',
    family: 'gsm',
    cNumber: '+14155559000',
    smsNumber: '+14155559001',
    serviceNumbers: ['+14155559002'],
    voicemailNumber: '+14155559010',
    sipPort: 5070,
    redirection: 'diversion',
    codecs: ['PCMU', 'PCMA'],
    ringback: northAmerica,
    smsToken: defaultSmsToken,
    handsets: [
      { number: '+14155550101', owner: 'Your US SIM', role: 'own' },
      { number: '+12125550199', owner: 'Caller in New York', role: 'caller' },
    ],
  };
}

function labMobileUk(): CarrierOptions {
  return {
    id: 'lab-mobile-uk',
    name: 'Lab Mobile UK',
    country: 'GB',
    prefix: '+44',
    family: 'gsm',
    cNumber: '+447700900999',
    smsNumber: '+447700900998',
    serviceNumbers: ['+447700900997'],
    voicemailNumber: '+447700900990',
    sipPort: 5071,
    redirection: 'history-info',
    codecs: ['PCMA', 'PCMU'],
    ringback: { frequenciesHz: [400, 450], cadenceMs: [400, 200, 400, 2000] },
    smsToken: defaultSmsToken,
    handsets: [
      { number: '+447700900123', owner: 'Your UK SIM', role: 'own' },
      { number: '+447700900456', owner: 'Caller in London', role: 'caller' },
    ],
  };
}

/** Its switch forgets user-to-user information over a forwarding, as many do. */
function labCdma(): CarrierOptions {
  return {
    id: 'lab-cdma',
    name: 'Lab CDMA',
    country: 'US',
    prefix: '+1',
    family: 'cdma',
    cNumber: '+13125559000',
    smsNumber: '+13125559001',
    serviceNumbers: ['+13125559002'],
    voicemailNumber: '+13125559010',
    keepsUserToUser: false,
    sipPort: 5072,
    redirection: 'both',
    codecs: ['PCMU'],
    ringback: northAmerica,
    smsToken: defaultSmsToken,
    handsets: [
      { number: '+13125550142', owner: 'Your CDMA phone', role: 'own' },
      { number: '+13125550177', owner: 'Phone in the cellar', role: 'caller', coverage: 'no-coverage' },
    ],
  };
}

function labMobilDe(): CarrierOptions {
  return {
    id: 'lab-mobil-de',
    name: 'Lab Mobil',
    country: 'DE',
    prefix: '+49',
    family: 'gsm',
    cNumber: '+491713920099',
    smsNumber: '+491713920098',
    serviceNumbers: ['+491713920097'],
    voicemailNumber: '+491713920090',
    sipPort: 5073,
    redirection: 'history-info',
    codecs: ['PCMA'],
    ringback: { frequenciesHz: [425], cadenceMs: [1000, 4000] },
    smsToken: defaultSmsToken,
    handsets: [
      { number: '+491713920011', owner: 'Your German SIM', role: 'own' },
      { number: '+491713920042', owner: 'Caller in Berlin', role: 'caller' },
    ],
  };
}
