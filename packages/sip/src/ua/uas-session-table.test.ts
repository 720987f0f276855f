import { describe, expect, it } from 'vitest';
import { type Act, misuse, type Scene, whole } from './session-scene.testing.ts';
import type { UasSession } from './types.ts';

describe('the session of an INVITE to us', () => {
  const inDialog = (scene: Scene) => {
    const tagged = scene.peer.received.find(
      (one) => one.kind === 'response' && /;tag=/.test(one.headers.get('To') ?? ''),
    );
    return { To: tagged?.headers.get('To') ?? '' };
  };
  const invited: Act = async (scene) => {
    scene.stack.on('invite', (session) => scene.watch(session));
    scene.peer.send(scene.peer.request('INVITE', { Supported: '100rel' }, 'v=0 offer'));
    await scene.clock.advance(10);
  };
  const uas = (scene: Scene) => scene.session as UasSession;
  const after =
    (first: Act, next: Act): Act =>
    async (scene) => {
      await first(scene);
      await next(scene);
      await scene.clock.advance(10);
    };
  const ringing: Act = after(invited, (scene) => uas(scene).progress(180));
  const acknowledged: Act = (scene) => {
    const rseq = scene.peer.received.findLast((one) => one.headers.has('RSeq'))?.headers.get('RSeq');
    return scene.asks('PRACK', 2, { ...inDialog(scene), RAck: `${rseq} 1 INVITE` });
  };
  const accepted: Act = after(after(ringing, acknowledged), (scene) =>
    uas(scene).accept({ sdp: 'v=0 answer' }),
  );
  const confirmed: Act = after(accepted, (scene) => scene.asks('ACK', 1, inDialog(scene)));
  const ways: Record<string, Act> = {
    'early, 180 unacknowledged': ringing,
    'early, 180 acknowledged': after(ringing, acknowledged),
    accepted,
    confirmed,
    'confirmed, offer of ours out': after(confirmed, (scene) => void uas(scene).reinvite('v=0 ours')),
    'confirmed, offer of the peer open': after(confirmed, (scene) =>
      scene.asks('INVITE', 3, inDialog(scene), 'v=0 theirs'),
    ),
    terminated: after(confirmed, (scene) => scene.asks('BYE', 3, inDialog(scene))),
  };
  const events: Record<string, Act> = {
    CANCEL: (scene) => {
      scene.peer.send(scene.peer.request('CANCEL'));
    },
    BYE: (scene) => scene.asks('BYE', 9, inDialog(scene)),
    'BYE, CSeq too low': (scene) => scene.asks('BYE', 0, inDialog(scene)),
    ACK: (scene) => scene.asks('ACK', 1, inDialog(scene)),
    PRACK: acknowledged,
    'PRACK of nothing': (scene) => scene.asks('PRACK', 9, { ...inDialog(scene), RAck: '5 5 INVITE' }),
    'INVITE with an offer': (scene) => scene.asks('INVITE', 9, inDialog(scene), 'v=0'),
    'INVITE without': (scene) => scene.asks('INVITE', 9, inDialog(scene)),
    'UPDATE with an offer': (scene) => scene.asks('UPDATE', 9, inDialog(scene), 'v=0'),
    'UPDATE without': (scene) => scene.asks('UPDATE', 9, inDialog(scene)),
    INFO: (scene) => scene.asks('INFO', 9, inDialog(scene)),
    'accept()': (scene) => uas(scene).accept({ sdp: 'v=0' }),
    'reject()': (scene) => uas(scene).reject(486),
    'bye()': (scene) => misuse(scene, () => uas(scene).bye()),
    'reinvite()': (scene) => misuse(scene, () => void uas(scene).reinvite('v=0')),
  };
  it('RFC 3261 9.2, 12.2.2, 13.3, 14.2, 15; RFC 3262 3; RFC 3311 5.2: each state with each event', async () => {
    expect(await whole(ways, events)).toEqual({
      accepted: {
        ACK: '- | confirmed → confirmed',
        BYE: '200 BYE | ended peer → terminated',
        'BYE, CSeq too low': '500 BYE | - → accepted',
        CANCEL: '200 CANCEL | - → accepted',
        INFO: '200 INFO | request INFO → accepted',
        'INVITE with an offer': '100 INVITE, 500 INVITE | - → accepted',
        'INVITE without': '100 INVITE, 500 INVITE | - → accepted',
        PRACK: '481 PRACK | - → accepted',
        'PRACK of nothing': '481 PRACK | - → accepted',
        'UPDATE with an offer': '500 UPDATE | - → accepted',
        'UPDATE without': '200 UPDATE | - → accepted',
        'accept()': '- | - → accepted',
        'bye()': '- | - → accepted',
        'reinvite()': '- | - → accepted',
        'reject()': '- | - → accepted',
      },
      confirmed: {
        ACK: '- | - → confirmed',
        BYE: '200 BYE | ended peer → terminated',
        'BYE, CSeq too low': '500 BYE | - → confirmed',
        CANCEL: '200 CANCEL | - → confirmed',
        INFO: '200 INFO | request INFO → confirmed',
        'INVITE with an offer': '100 INVITE | reinvite → confirmed',
        'INVITE without': '100 INVITE | reinvite → confirmed',
        PRACK: '481 PRACK | - → confirmed',
        'PRACK of nothing': '481 PRACK | - → confirmed',
        'UPDATE with an offer': '- | reinvite → confirmed',
        'UPDATE without': '200 UPDATE | - → confirmed',
        'accept()': '- | - → confirmed',
        'bye()': 'BYE | ended us → terminated',
        'reinvite()': 'INVITE | - → confirmed',
        'reject()': '- | - → confirmed',
      },
      'confirmed, offer of ours out': {
        ACK: '- | - → confirmed',
        BYE: '200 BYE | ended peer → terminated',
        'BYE, CSeq too low': '500 BYE | - → confirmed',
        CANCEL: '200 CANCEL | - → confirmed',
        INFO: '200 INFO | request INFO → confirmed',
        'INVITE with an offer': '100 INVITE, 491 INVITE | - → confirmed',
        'INVITE without': '100 INVITE, 491 INVITE | - → confirmed',
        PRACK: '481 PRACK | - → confirmed',
        'PRACK of nothing': '481 PRACK | - → confirmed',
        'UPDATE with an offer': '491 UPDATE | - → confirmed',
        'UPDATE without': '200 UPDATE | - → confirmed',
        'accept()': '- | - → confirmed',
        'bye()': 'BYE | ended us → terminated',
        'reinvite()': '- | - → confirmed',
        'reject()': '- | - → confirmed',
      },
      'confirmed, offer of the peer open': {
        ACK: '- | - → confirmed',
        BYE: '200 BYE, 487 INVITE | ended peer → terminated',
        'BYE, CSeq too low': '500 BYE | - → confirmed',
        CANCEL: '200 CANCEL | - → confirmed',
        INFO: '200 INFO | request INFO → confirmed',
        'INVITE with an offer': '100 INVITE, 500 INVITE | - → confirmed',
        'INVITE without': '100 INVITE, 500 INVITE | - → confirmed',
        PRACK: '500 PRACK | - → confirmed',
        'PRACK of nothing': '481 PRACK | - → confirmed',
        'UPDATE with an offer': '500 UPDATE | - → confirmed',
        'UPDATE without': '200 UPDATE | - → confirmed',
        'accept()': '- | - → confirmed',
        'bye()': 'BYE, 487 INVITE | ended us → terminated',
        'reinvite()': '- | - → confirmed',
        'reject()': '- | - → confirmed',
      },
      'early, 180 acknowledged': {
        ACK: '- | - → early',
        BYE: '200 BYE, 487 INVITE | cancelled → terminated',
        'BYE, CSeq too low': '500 BYE | - → early',
        CANCEL: '200 CANCEL, 487 INVITE | cancelled → terminated',
        INFO: '200 INFO | request INFO → early',
        'INVITE with an offer': '100 INVITE, 500 INVITE | - → early',
        'INVITE without': '100 INVITE, 500 INVITE | - → early',
        PRACK: '481 PRACK | - → early',
        'PRACK of nothing': '481 PRACK | - → early',
        'UPDATE with an offer': '500 UPDATE | - → early',
        'UPDATE without': '200 UPDATE | - → early',
        'accept()': '200 INVITE | - → accepted',
        'bye()': '- | throws no-dialog → early',
        'reinvite()': '- | throws no-dialog → early',
        'reject()': '486 INVITE | - → terminated',
      },
      'early, 180 unacknowledged': {
        ACK: '- | - → early',
        BYE: '200 BYE, 487 INVITE | cancelled → terminated',
        'BYE, CSeq too low': '500 BYE | - → early',
        CANCEL: '200 CANCEL, 487 INVITE | cancelled → terminated',
        INFO: '200 INFO | request INFO → early',
        'INVITE with an offer': '100 INVITE, 500 INVITE | - → early',
        'INVITE without': '100 INVITE, 500 INVITE | - → early',
        PRACK: '200 PRACK | - → early',
        'PRACK of nothing': '481 PRACK | - → early',
        'UPDATE with an offer': '500 UPDATE | - → early',
        'UPDATE without': '200 UPDATE | - → early',
        'accept()': '200 INVITE | - → accepted',
        'bye()': '- | throws no-dialog → early',
        'reinvite()': '- | throws no-dialog → early',
        'reject()': '486 INVITE | - → terminated',
      },
      terminated: {
        ACK: '- | - → terminated',
        BYE: '481 BYE | - → terminated',
        'BYE, CSeq too low': '481 BYE | - → terminated',
        CANCEL: '200 CANCEL | - → terminated',
        INFO: '481 INFO | - → terminated',
        'INVITE with an offer': '481 INVITE | - → terminated',
        'INVITE without': '481 INVITE | - → terminated',
        PRACK: '481 PRACK | - → terminated',
        'PRACK of nothing': '481 PRACK | - → terminated',
        'UPDATE with an offer': '481 UPDATE | - → terminated',
        'UPDATE without': '481 UPDATE | - → terminated',
        'accept()': '- | - → terminated',
        'bye()': '- | - → terminated',
        'reinvite()': '- | - → terminated',
        'reject()': '- | - → terminated',
      },
    });
  });
});
