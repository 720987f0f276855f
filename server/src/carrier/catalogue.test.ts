import { describe, expect, it } from 'vitest';
import { type Carrier, CarrierCatalogue } from './index.ts';

function carrier(id: string, more: Partial<Carrier> = {}): Carrier {
  return {
    id,
    name: id,
    country: 'US',
    family: 'gsm',
    prefixes: [],
    cNumber: '+14155559000',
    trunks: [{ host: '192.0.2.1' }],
    ...more,
  };
}

const catalogue = new CarrierCatalogue([
  carrier('one', { prefixes: ['+1'], cNumber: '+14155559001' }),
  carrier('california', { prefixes: ['+1415', '+1510'], cNumber: '+14155559002' }),
  carrier('again', { prefixes: ['+1'], cNumber: '+14155559003' }),
  carrier('block', { ranges: [{ from: '+14155550100', to: '+14155550149' }] }),
  carrier('wide', { ranges: [{ from: '+12000000000', to: '+12999999999' }] }),
]);

describe('CarrierCatalogue: by number', () => {
  it.each([
    ['+14155550150', 'california'],
    ['+15105550101', 'california'],
    ['+13125550101', 'one'],
    ['+14155550100', 'block'],
    ['+14155550149', 'block'],
    ['+141555501001', 'california'],
    ['+1415555010', 'california'],
    ['+12125550101', 'wide'],
    ['+447700900123', undefined],
  ])('finds for %s the carrier whose prefix or range says most: %s', (number, id) =>
    expect(catalogue.byNumber(number)?.id).toBe(id),
  );

  it('finds by id and by C number, of which several carriers may have one', () => {
    expect(catalogue.byId('again')?.cNumber).toBe('+14155559003');
    expect(catalogue.byCNumber('+14155559002')?.id).toBe('california');
    expect(catalogue.byCNumber('+14155559000')?.id).toBe('block');
    expect(catalogue.byCNumber('+14155559999')).toBeUndefined();
    expect(catalogue.byId('none')).toBeUndefined();
  });
});

describe('CarrierCatalogue: sources', () => {
  it('takes the configuration before a file before operators, and says which counts', () => {
    const layered = new CarrierCatalogue([carrier('a', { name: 'configured' })]);
    let changes = 0;
    const stop = layered.onChange(() => {
      changes += 1;
    });
    layered.replace('operator', [carrier('a', { name: 'operator' }), carrier('b', { prefixes: ['+1212'] })]);
    layered.replace('file', [carrier('b', { name: 'from the file' })]);
    expect(layered.all().map(({ name }) => name)).toEqual(['configured', 'from the file']);
    expect(layered.sourceOf('a')).toBe('configuration');
    expect(layered.sourceOf('b')).toBe('file');
    expect(layered.byNumber('+12125550101')).toBeUndefined();
    layered.replace('file', []);
    expect(layered.byNumber('+12125550101')?.id).toBe('b');
    expect(layered.sourceOf('b')).toBe('operator');
    expect(changes).toBe(3);
    stop();
    layered.replace('operator', []);
    expect(changes).toBe(3);
  });
});

describe('CarrierCatalogue: whose number it is now', () => {
  const carriers = [
    carrier('us-one', { prefixes: ['+1'], mccMnc: ['310260'] }),
    carrier('us-two', { routingNumbers: ['+1212555'], mccMnc: ['31026'] }),
    carrier('us-three', { routingNumbers: ['1212555019', 'D01'] }),
    carrier('canada', { country: 'CA' }),
    carrier('uk', { country: 'GB', prefixes: ['+44'] }),
  ];
  const of = (networks: readonly string[]) =>
    new CarrierCatalogue(carriers, { networksOf: async () => networks });

  it.each([
    [['310260'], 'us-one'],
    [['31026'], 'us-two'],
    [['+12125550000'], 'us-two'],
    [['+12125550199'], 'us-three'],
    [['d01234'], 'us-three'],
    [['999999', '310260'], 'us-one'],
  ])('a lookup that names %j is certain: %s', async (networks, id) => {
    const found = await of(networks).resolve('+12125550101');
    expect(found).toMatchObject({ by: 'portability', carrier: { id }, candidates: [{ id }] });
    expect(found.candidates).toHaveLength(1);
  });

  it('asks among the carriers of the country where nobody knows, the one of the range first', async () => {
    const found = await of([]).resolve('+12125550123');
    expect(found).toMatchObject({ by: 'range', carrier: { id: 'us-one' } });
    expect(found.candidates.map(({ id }) => id)).toEqual(['us-one', 'us-two', 'us-three']);
    const german = await of([]).resolve('+491713920011');
    expect(german).toEqual({ by: 'none', candidates: [] });
  });

  it('believes the person among the candidates only', async () => {
    const ask = of([]);
    expect(await ask.resolve('+12125550123', 'us-two')).toMatchObject({
      by: 'person',
      carrier: { id: 'us-two' },
    });
    expect(await ask.resolve('+12125550123', 'uk')).toMatchObject({ by: 'range', carrier: { id: 'us-one' } });
    expect(await of(['310260']).resolve('+12125550123', 'us-two')).toMatchObject({
      carrier: { id: 'us-one' },
    });
  });

  it('takes the country calling code where the country cannot be told', async () => {
    const found = await of([]).resolve('+15555550123');
    expect(found.candidates.map(({ id }) => id)).toContain('canada');
  });
});
