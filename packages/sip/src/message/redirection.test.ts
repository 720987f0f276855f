import { describe, expect, it } from 'vitest';
import { SipHeaders } from './headers.ts';
import { parseDiversion, parseHistoryInfo } from './redirection.ts';

describe('parseDiversion (RFC 5806)', () => {
  it('keeps the order, the last diversion first', () => {
    const headers = new SipHeaders({
      Diversion: [
        '"Bob, B" <sip:+14155550101@gw;user=phone>;reason=no-answer;counter=2;privacy=full;screen=yes;limit=5',
        '<tel:+14155550102>;reason="User-Busy";screen=no, <sip:c@d>;reason=unconditional;counter=x',
        '<broken',
      ],
    });
    expect(parseDiversion(headers).map(({ params, ...entry }) => entry)).toEqual([
      {
        displayName: 'Bob, B',
        uri: 'sip:+14155550101@gw;user=phone',
        reason: 'no-answer',
        counter: 2,
        privacy: 'full',
        screen: true,
        limit: 5,
      },
      { uri: 'tel:+14155550102', reason: 'user-busy', counter: 1, screen: false },
      { uri: 'sip:c@d', reason: 'unconditional', counter: 1 },
    ]);
    expect(parseDiversion(new SipHeaders())).toEqual([]);
  });
});

describe('parseHistoryInfo (RFC 7044)', () => {
  const parse = (...values: string[]) =>
    parseHistoryInfo(new SipHeaders({ 'History-Info': values })).map(({ params, ...entry }) => entry);

  it('reads the embedded Reason and Privacy, the cause of RFC 4458 and the mapping', () => {
    expect(
      parse(
        '<sip:bob@x?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%20Here%22&Privacy=History>;index=1',
        '"V, M" <sip:vm@y;cause=486;target=sip%3Abob%40x>;index=1.1;mp=1',
      ),
    ).toEqual([
      {
        uri: 'sip:bob@x',
        index: '1',
        reason: { protocol: 'SIP', cause: 486, text: 'Busy Here' },
        reasons: [{ protocol: 'SIP', cause: 486, text: 'Busy Here' }],
        privacy: 'history',
      },
      {
        displayName: 'V, M',
        uri: 'sip:vm@y;cause=486;target=sip%3Abob%40x',
        index: '1.1',
        reasons: [],
        cause: 486,
        mapping: 'mp',
        mappedFrom: '1',
      },
    ]);
  });

  it('reads several Reasons, as repeated headers or as a list', () => {
    const q850 = { protocol: 'Q.850', cause: 17 };
    const sip = { protocol: 'SIP', cause: 486 };
    const [repeated, list] = parse(
      '<sip:a@x?Reason=SIP%3Bcause%3D486&reason=Q.850%3Bcause%3D17>;index=1',
      '<sip:a@x?Reason=Q.850%3Bcause%3D17%2CSIP%3Bcause%3D486>;index=2',
    );
    expect(repeated!.reasons).toEqual([sip, q850]);
    expect(list!.reasons).toEqual([q850, sip]);
  });

  it('orders by index, numbers as numbers, parents before children (10.3)', () => {
    const entries = ['1.10', '1.2.1', '2', '1', '1.2', '1.2.1.1'].map((index) => `<sip:a@x>;index=${index}`);
    expect(parse(entries.join(', ')).map(({ index }) => index)).toEqual([
      '1',
      '1.2',
      '1.2.1',
      '1.2.1.1',
      '1.10',
      '2',
    ]);
  });

  it('keeps the order of the message when an index is missing or malformed', () => {
    const entries = parse(
      '<sip:b@x>;index=2',
      '<sip:a@x>',
      '<sip:c@x>;index=1..1',
      'broken <',
      '<tel:+1>;index=1;rc=1.x',
    );
    expect(entries).toEqual([
      { uri: 'sip:b@x', index: '2', reasons: [] },
      { uri: 'sip:a@x', reasons: [] },
      { uri: 'sip:c@x', reasons: [] },
      { uri: 'tel:+1', index: '1', reasons: [], mapping: 'rc' },
    ]);
  });
});
