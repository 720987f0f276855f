import { describe, expect, it } from 'vitest';
import { forwardingCommands } from './commands.ts';

describe('forwardingCommands (R-FWD-MANUAL)', () => {
  it('gives the MMI codes of 3GPP TS 22.030 for GSM', () =>
    expect(forwardingCommands({ family: 'gsm', cNumber: '+14155559000' })).toEqual({
      activate: '**004*+14155559000#',
      deactivate: '##004#',
      status: '*#004#',
      noReply: '**61*+14155559000**{seconds}#',
      deactivateNoReply: '##61#',
    }));

  it.each([
    ['+14155559000', '*714155559000'],
    ['+525512345678', '*71525512345678'],
  ])('gives the feature codes of CDMA, with the ten digits of a number within +1: %s', (cNumber, activate) =>
    expect(forwardingCommands({ family: 'cdma', cNumber })).toEqual({
      activate,
      deactivate: '*73',
      status: null,
      noReply: null,
      deactivateNoReply: null,
    }),
  );

  it('lets a carrier have codes of its own, and none', () =>
    expect(
      forwardingCommands({
        family: 'gsm',
        cNumber: '+14155559000',
        commands: { noReply: '**61*{cDigits}*11*{seconds}#', status: null, activate: undefined },
      }),
    ).toMatchObject({
      activate: '**004*+14155559000#',
      status: null,
      noReply: '**61*14155559000*11*{seconds}#',
    }));
});
