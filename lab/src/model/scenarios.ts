import type { CarrierCondition, Coverage } from './types.ts';

/** What is registered for the person's own handsets. */
export type ForwardingPlan =
  /** Nothing: calls end at the handset. */
  | { kind: 'none' }
  /** Unreachable, busy and unanswered calls go to the C number of the carrier. */
  | { kind: 'ringthrough'; noReplySeconds: number }
  /** Every call goes on to the next own handset, and the last one's to the first. */
  | { kind: 'circle' }
  /** Every call goes to the handset of a caller. */
  | { kind: 'elsewhere' };

/**
 * A known state of the whole lab. Loading one ends every call, puts each carrier in order and each caller's handset
 * as it was at the first start; then what is written here happens.
 */
export interface Scenario {
  name: string;
  title: string;
  /** What to do next, in one sentence. */
  hint: string;
  /** Of the own handsets. Default: `covered`. */
  coverage?: Coverage;
  forwarding: ForwardingPlan;
  /** The carriers' own voicemail for the own handsets. Default: off. */
  carrierVoicemail?: boolean;
  /** Own handsets talk to each other, two and two. */
  busy?: boolean;
  /** Own handsets come back into coverage after so long. */
  backAfterMs?: number;
  sms?: CarrierCondition['sms'];
  provisioning?: CarrierCondition['provisioning'];
  trunk?: CarrierCondition['trunk'];
  /** The trunks tell nothing of forwardings. */
  redirection?: 'none';
  /** Every SMS and voicemail message of the lab is gone. */
  forgetsMessages?: boolean;
}

const ringthrough: ForwardingPlan = { kind: 'ringthrough', noReplySeconds: 20 };
const none: ForwardingPlan = { kind: 'none' };

export const scenarios: readonly Scenario[] = [
  {
    name: 'fresh',
    title: 'In coverage',
    hint: 'Sign up in the client with a number of the lab; the code arrives on its handset here.',
    forwarding: none,
    forgetsMessages: true,
  },
  {
    name: 'forwarded',
    title: 'In coverage, forwarded to Ringthrough',
    hint: 'Your handsets ring first. Decline a call, or let it ring for 20 seconds, and it goes on to your devices.',
    forwarding: ringthrough,
  },
  {
    name: 'no-coverage',
    title: 'No coverage',
    hint: 'Your handsets are out of coverage. Dial one of them from a caller’s handset.',
    coverage: 'no-coverage',
    forwarding: ringthrough,
  },
  {
    name: 'roaming-off',
    title: 'Abroad with roaming off',
    hint: 'Your handsets find only foreign networks. Dial one of them from a caller’s handset.',
    coverage: 'roaming-off',
    forwarding: ringthrough,
  },
  {
    name: 'sim-out',
    title: 'SIM in a drawer',
    hint: 'Your SIMs are in no phone. Dial one of them from a caller’s handset.',
    coverage: 'sim-out',
    forwarding: ringthrough,
  },
  {
    name: 'switched-off',
    title: 'Switched off',
    hint: 'Your handsets are off. Dial one of them from a caller’s handset, then switch it on to get its SMS.',
    coverage: 'off',
    forwarding: ringthrough,
  },
  {
    name: 'back-soon',
    title: 'Off, and back in a moment',
    hint: 'Your handsets are off and come back by themselves after three seconds; waiting SMS arrive then.',
    coverage: 'off',
    forwarding: ringthrough,
    backAfterMs: 3000,
  },
  {
    name: 'busy',
    title: 'Busy',
    hint: 'Your handsets talk to each other. Dial one of them from a caller’s handset.',
    forwarding: ringthrough,
    busy: true,
  },
  {
    name: 'no-reply',
    title: 'Nobody answers',
    hint: 'Dial your handset and leave it ringing: after five seconds the call goes on to your devices.',
    forwarding: { kind: 'ringthrough', noReplySeconds: 5 },
  },
  {
    name: 'carrier-voicemail',
    title: 'The carrier’s voicemail answers',
    hint: 'Nothing is forwarded to Ringthrough, and your handsets are out of coverage. Dial one: its carrier answers.',
    coverage: 'no-coverage',
    forwarding: none,
    carrierVoicemail: true,
  },
  {
    name: 'forwarding-dropped',
    title: 'The carrier dropped the forwarding',
    hint: 'Your carriers have erased the forwarding, as after a new contract. The check in the client finds out.',
    forwarding: none,
    carrierVoicemail: true,
  },
  {
    name: 'forwarded-elsewhere',
    title: 'Forwarded to somebody else',
    hint: 'Every call for your handsets rings at a caller’s handset. The check in the client finds out.',
    forwarding: { kind: 'elsewhere' },
  },
  {
    name: 'no-redirection',
    title: 'The trunks hide the called number',
    hint: 'Calls arrive without Diversion and History-Info, so nobody can tell whom they were for.',
    coverage: 'no-coverage',
    forwarding: ringthrough,
    redirection: 'none',
  },
  {
    name: 'loop',
    title: 'Forwarded in a circle',
    hint: 'Your handsets forward every call to each other. Dial one: the network gives up after five forwardings.',
    forwarding: { kind: 'circle' },
  },
  {
    name: 'sms-down',
    title: 'SMS centre out of order',
    hint: 'No SMS gets through. Put the SMS centre in order again under Carriers, and they arrive.',
    forwarding: ringthrough,
    sms: 'down',
  },
  {
    name: 'sms-throttled',
    title: 'SMS centre has too much to do',
    hint: 'The SMS centres refuse every message for now. Put them in order again under Carriers.',
    forwarding: ringthrough,
    sms: 'throttled',
  },
  {
    name: 'trunk-down',
    title: 'Line to Ringthrough cut',
    hint: 'Nothing passes between the switches and Ringthrough. Put the lines in order again under Carriers.',
    coverage: 'no-coverage',
    forwarding: ringthrough,
    trunk: 'down',
  },
  {
    name: 'provisioning-down',
    title: 'Forwarding cannot be switched from outside',
    hint: 'The carriers’ provisioning answers with errors; the client shows that forwarding is pending.',
    forwarding: none,
    provisioning: 'down',
  },
];
