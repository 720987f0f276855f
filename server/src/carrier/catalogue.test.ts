import { describe, expect, it } from 'vitest';
import { type Carrier, CarrierCatalogue } from './index.ts';

function carrier(
  id: string,
  prefixes: string[],
  trunks: Carrier['trunks'],
  cNumber = '+14155559000',
): Carrier {
  return { id, name: id, country: 'US', family: 'gsm', prefixes, cNumber, trunks };
}

const catalogue = new CarrierCatalogue([
  carrier('one', ['+1'], [{ host: '192.0.2.1' }], '+14155559001'),
  carrier('california', ['+1415', '+1510'], [{ host: '192.0.2.1', port: 5070 }], '+14155559002'),
  carrier('again', ['+1'], [{ host: '2001:db8::1', port: 5060 }], '+14155559003'),
]);

describe('CarrierCatalogue', () => {
  it.each([
    ['+14155550101', 'california'],
    ['+15105550101', 'california'],
    ['+12125550101', 'one'],
    ['+447700900123', undefined],
  ])('finds for %s the carrier with the longest prefix: %s', (number, id) =>
    expect(catalogue.byNumber(number)?.id).toBe(id),
  );

  it('finds by id and by C number', () => {
    expect(catalogue.byId('again')?.cNumber).toBe('+14155559003');
    expect(catalogue.byCNumber('+14155559002')?.id).toBe('california');
    expect(catalogue.byCNumber('+14155559999')).toBeUndefined();
    expect(catalogue.byId('none')).toBeUndefined();
  });
});
