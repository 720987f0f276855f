import { describe, expect, it } from 'vitest';
import { type Carrier, CarrierCatalogue } from '../carrier/index.ts';
import { Forwarding } from './index.ts';

const gsm: Carrier = {
  id: 'gsm',
  name: 'G',
  country: 'US',
  family: 'gsm',
  prefixes: ['+1'],
  cNumber: '+14155559000',
  trunks: [{ host: '192.0.2.1' }],
};
const cdma: Carrier = { ...gsm, id: 'cdma', family: 'cdma', prefixes: ['+1510'] };
const abroad: Carrier = { ...cdma, id: 'abroad', prefixes: ['+52'], cNumber: '+525512345678' };
const forwarding = new Forwarding(new CarrierCatalogue([gsm, cdma, abroad]));

describe('Forwarding (R-FWD-MANUAL)', () => {
  it.each([
    ['gsm', '**004*+14155559000#', '##004#'],
    ['cdma', '*714155559000', '*73'],
    ['abroad', '*71525512345678', '*73'],
  ])('gives the codes of %s', (id, activate, deactivate) =>
    expect(forwarding.commands(id)).toMatchObject({ activate, deactivate }),
  );

  it('shows of a carrier what people may see', () => {
    expect(forwarding.carrierOf('+15105550101')).toEqual({
      id: 'cdma',
      name: 'G',
      country: 'US',
      family: 'cdma',
    });
    expect(forwarding.carrierOf('+4930123456')).toBeUndefined();
    expect(forwarding.carrier('gone')).toBeUndefined();
    expect(forwarding.commands('gone')).toBeUndefined();
  });
});
