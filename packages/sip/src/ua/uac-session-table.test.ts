import { describe, expect, it } from 'vitest';
import { SipRequest } from '../message/index.ts';
import { type Act, misuse, type Scene, whole } from './session-scene.testing.ts';
import type { UacSession } from './types.ts';

describe('the session of an INVITE of ours', () => {
  const uac = (scene: Scene) => scene.session as UacSession;
  const calling: Act = async (scene) => {
    const request = new SipRequest('INVITE', 'sip:bob@10.0.0.2:5070', { body: 'v=0 ours' });
    const target = { protocol: 'udp', host: '10.0.0.2', port: 5070 } as const;
    scene.watch(scene.stack.invite({ request, target }));
    await scene.clock.advance(10);
  };
  const answers =
    (status: number, tag = 'a', headers: Record<string, string> = {}, body = ''): Act =>
    (scene) => {
      const invite = scene.peer.received.find((one) => one.kind === 'request' && one.method === 'INVITE');
      const To = `<sip:bob@10.0.0.2:5070>${status === 100 ? '' : `;tag=${tag}`}`;
      scene.peer.respond(invite as SipRequest, status, { To, ...headers }, body);
    };
  const after =
    (first: Act, ...next: Act[]): Act =>
    async (scene) => {
      await first(scene);
      for (const one of next) {
        await one(scene);
        await scene.clock.advance(10);
      }
    };
  const dialog = (scene: Scene): Record<string, string> => {
    const invite = scene.peer.lastRequest('INVITE');
    return {
      From: '<sip:bob@10.0.0.2:5070>;tag=a',
      To: invite.headers.get('From') ?? '',
      'Call-ID': invite.headers.get('Call-ID') ?? '',
    };
  };
  const reliable = { Require: '100rel', RSeq: '7' };
  const early = after(calling, answers(180));
  const accepted = after(early, answers(200, 'a', {}, 'v=0 answer'));
  const ways: Record<string, Act> = {
    calling,
    early,
    'early, cancelled': after(early, (scene) => uac(scene).cancel()),
    accepted,
    'accepted, offer of ours out': after(accepted, (scene) => void uac(scene).reinvite('v=0 new')),
    'accepted, offer of the peer open': after(accepted, (scene) =>
      scene.asks('INVITE', 3, dialog(scene), 'v=0 theirs'),
    ),
    terminated: after(accepted, (scene) => scene.asks('BYE', 3, dialog(scene))),
  };
  const events: Record<string, Act> = {
    '100': answers(100),
    '180': answers(180),
    '183, reliable': answers(183, 'a', reliable),
    '183 of another fork, reliable': answers(183, 'b', reliable),
    '200': answers(200, 'a', {}, 'v=0 answer'),
    '200 of another fork': answers(200, 'b', {}, 'v=0 answer'),
    '486': answers(486),
    '401 without credentials of ours': answers(401),
    BYE: (scene) => scene.asks('BYE', 9, dialog(scene)),
    'INVITE with an offer': (scene) => scene.asks('INVITE', 9, dialog(scene), 'v=0'),
    'UPDATE with an offer': (scene) => scene.asks('UPDATE', 9, dialog(scene), 'v=0'),
    'UPDATE without': (scene) => scene.asks('UPDATE', 9, dialog(scene)),
    PRACK: (scene) => scene.asks('PRACK', 9, { ...dialog(scene), RAck: '1 1 INVITE' }),
    INFO: (scene) => scene.asks('INFO', 9, dialog(scene)),
    'cancel()': (scene) => uac(scene).cancel(),
    'bye()': (scene) => misuse(scene, () => uac(scene).bye()),
    'reinvite()': (scene) => misuse(scene, () => void uac(scene).reinvite('v=0')),
    'nothing for 32 s': (scene) => scene.clock.advance(33_000),
  };
  it('RFC 3261 9.1, 12.2.2, 13.2, 14.1, 15; RFC 3262 4; RFC 3311 5: each state with each event', async () => {
    expect(await whole(ways, events)).toEqual({
      accepted: {
        '100': '- | - → accepted',
        '180': '- | - → accepted',
        '183 of another fork, reliable': '- | - → accepted',
        '183, reliable': '- | - → accepted',
        '200': 'ACK | - → accepted',
        '200 of another fork': 'ACK, BYE | - → accepted',
        '401 without credentials of ours': '- | - → accepted',
        '486': '- | - → accepted',
        BYE: '200 BYE | ended peer → terminated',
        INFO: '200 INFO | request INFO → accepted',
        'INVITE with an offer': '100 INVITE | reinvite → accepted',
        PRACK: '481 PRACK | - → accepted',
        'UPDATE with an offer': '- | reinvite → accepted',
        'UPDATE without': '200 UPDATE | - → accepted',
        'bye()': 'BYE | ended us → terminated',
        'cancel()': '- | - → accepted',
        'nothing for 32 s': '- | - → accepted',
        'reinvite()': 'INVITE | - → accepted',
      },
      'accepted, offer of ours out': {
        '100': '- | - → accepted',
        '180': '- | - → accepted',
        '183 of another fork, reliable': '- | - → accepted',
        '183, reliable': '- | - → accepted',
        '200': 'ACK | - → accepted',
        '200 of another fork': 'ACK, BYE | - → accepted',
        '401 without credentials of ours': '- | - → accepted',
        '486': '- | - → accepted',
        BYE: '200 BYE | ended peer → terminated',
        INFO: '200 INFO | request INFO → accepted',
        'INVITE with an offer': '100 INVITE, 491 INVITE | - → accepted',
        PRACK: '481 PRACK | - → accepted',
        'UPDATE with an offer': '491 UPDATE | - → accepted',
        'UPDATE without': '200 UPDATE | - → accepted',
        'bye()': 'BYE | ended us → terminated',
        'cancel()': '- | - → accepted',
        'nothing for 32 s':
          'INVITE, INVITE, INVITE, INVITE, INVITE, INVITE, BYE, BYE | ended timeout → terminated',
        'reinvite()': '- | - → accepted',
      },
      'accepted, offer of the peer open': {
        '100': '- | - → accepted',
        '180': '- | - → accepted',
        '183 of another fork, reliable': '- | - → accepted',
        '183, reliable': '- | - → accepted',
        '200': 'ACK | - → accepted',
        '200 of another fork': 'ACK, BYE | - → accepted',
        '401 without credentials of ours': '- | - → accepted',
        '486': '- | - → accepted',
        BYE: '200 BYE, 487 INVITE | ended peer → terminated',
        INFO: '200 INFO | request INFO → accepted',
        'INVITE with an offer': '100 INVITE, 500 INVITE | - → accepted',
        PRACK: '481 PRACK | - → accepted',
        'UPDATE with an offer': '500 UPDATE | - → accepted',
        'UPDATE without': '200 UPDATE | - → accepted',
        'bye()': 'BYE, 487 INVITE | ended us → terminated',
        'cancel()': '- | - → accepted',
        'nothing for 32 s': '- | - → accepted',
        'reinvite()': '- | - → accepted',
      },
      calling: {
        '100': '- | - → calling',
        '180': '- | provisional 180 → early',
        '183 of another fork, reliable': 'PRACK | provisional 183 → early',
        '183, reliable': 'PRACK | provisional 183 → early',
        '200': 'ACK | accepted 200 → accepted',
        '200 of another fork': 'ACK | accepted 200 → accepted',
        '401 without credentials of ours': 'ACK | rejected 401 → terminated',
        '486': 'ACK | rejected 486 → terminated',
        BYE: '481 BYE | - → calling',
        INFO: '481 INFO | - → calling',
        'INVITE with an offer': '481 INVITE | - → calling',
        PRACK: '481 PRACK | - → calling',
        'UPDATE with an offer': '481 UPDATE | - → calling',
        'UPDATE without': '481 UPDATE | - → calling',
        'bye()': '- | throws no-dialog → calling',
        'cancel()': '- | - → calling',
        'nothing for 32 s': 'INVITE, INVITE, INVITE, INVITE, INVITE, INVITE | rejected 408 → terminated',
        'reinvite()': '- | throws no-dialog → calling',
      },
      early: {
        '100': '- | - → early',
        '180': '- | provisional 180 → early',
        '183 of another fork, reliable': 'PRACK | provisional 183 → early',
        '183, reliable': 'PRACK | provisional 183 → early',
        '200': 'ACK | accepted 200 → accepted',
        '200 of another fork': 'ACK | accepted 200 → accepted',
        '401 without credentials of ours': 'ACK | rejected 401 → terminated',
        '486': 'ACK | rejected 486 → terminated',
        BYE: '200 BYE | - → early',
        INFO: '200 INFO | request INFO → early',
        'INVITE with an offer': '100 INVITE, 491 INVITE | - → early',
        PRACK: '481 PRACK | - → early',
        'UPDATE with an offer': '491 UPDATE | - → early',
        'UPDATE without': '200 UPDATE | - → early',
        'bye()': '- | throws no-dialog → early',
        'cancel()': 'CANCEL | - → early',
        'nothing for 32 s': '- | - → early',
        'reinvite()': '- | throws no-dialog → early',
      },
      'early, cancelled': {
        '100': '- | - → early',
        '180': '- | provisional 180 → early',
        '183 of another fork, reliable': 'PRACK | provisional 183 → early',
        '183, reliable': 'PRACK | provisional 183 → early',
        '200': 'ACK | accepted 200 → accepted',
        '200 of another fork': 'ACK | accepted 200 → accepted',
        '401 without credentials of ours': 'ACK | rejected 401 → terminated',
        '486': 'ACK | rejected 486 → terminated',
        BYE: '200 BYE | - → early',
        INFO: '200 INFO | request INFO → early',
        'INVITE with an offer': '100 INVITE, 491 INVITE | - → early',
        PRACK: '481 PRACK | - → early',
        'UPDATE with an offer': '491 UPDATE | - → early',
        'UPDATE without': '200 UPDATE | - → early',
        'bye()': '- | throws no-dialog → early',
        'cancel()': '- | - → early',
        'nothing for 32 s':
          'CANCEL, CANCEL, CANCEL, CANCEL, CANCEL, CANCEL, CANCEL, CANCEL, CANCEL, CANCEL | rejected 487 → terminated',
        'reinvite()': '- | throws no-dialog → early',
      },
      terminated: {
        '100': '- | - → terminated',
        '180': '- | - → terminated',
        '183 of another fork, reliable': '- | - → terminated',
        '183, reliable': '- | - → terminated',
        '200': 'ACK | - → terminated',
        '200 of another fork': 'ACK, BYE | - → terminated',
        '401 without credentials of ours': '- | - → terminated',
        '486': '- | - → terminated',
        BYE: '481 BYE | - → terminated',
        INFO: '481 INFO | - → terminated',
        'INVITE with an offer': '481 INVITE | - → terminated',
        PRACK: '481 PRACK | - → terminated',
        'UPDATE with an offer': '481 UPDATE | - → terminated',
        'UPDATE without': '481 UPDATE | - → terminated',
        'bye()': '- | - → terminated',
        'cancel()': '- | - → terminated',
        'nothing for 32 s': '- | - → terminated',
        'reinvite()': '- | - → terminated',
      },
    });
  });
});
