import { SipRequest } from '@ringthrough/sip';
import { describe, expect, it } from 'vitest';
import { readArrival } from './arrival.ts';

const trunk = { cNumber: '+14155559000', country: 'US', identity: 'remote-party-id' } as const;
const withheld = { calling: undefined, callingAsserted: false };
const asserted = (calling: string) => ({ calling, callingAsserted: true });
const claimed = (calling: string) => ({ calling, callingAsserted: false });

describe('the caller by Remote-Party-ID, where the trunk has that (draft-ietf-sip-privacy-04)', () => {
  it.each([
    ['<sip:+12125550111@c.example>;party=calling;screen=yes;privacy=off', asserted('+12125550111')],
    ['<sip:+12125550111@c.example>;screen=yes', asserted('+12125550111')],
    ['<sip:+12125550111@c.example>;party=calling;screen=no', claimed('+12125550199')],
    ['<sip:+12125550111@c.example>;party=called;screen=yes', claimed('+12125550199')],
    ['"A, B" <sip:x@c.example>;screen=yes, <tel:+12125550112>;screen=yes', asserted('+12125550112')],
    ['<sip:+12125550111@c.example>;screen=yes;privacy=full', withheld],
    ['<sip:+12125550111@c.example>;screen=yes;privacy=URI', withheld],
    ['nonsense', claimed('+12125550199')],
    ['', claimed('+12125550199')],
  ])('%s', (value, caller) => {
    const request = new SipRequest('INVITE', 'sip:+14155559000@203.0.113.1', {
      headers: [
        ['From', '<sip:+12125550199@c.example>;tag=1'],
        ['P-Asserted-Identity', '<sip:+12125550999@c.example>'],
        ...(value === '' ? [] : [['Remote-Party-ID', value] as [string, string]]),
      ],
    });
    expect(readArrival(request, trunk)).toMatchObject(caller);
    expect(readArrival(request, { ...trunk, identity: undefined })).toMatchObject(asserted('+12125550999'));
    expect(readArrival(request, { ...trunk, trustIdentity: false }).callingAsserted).toBe(false);
  });
});
