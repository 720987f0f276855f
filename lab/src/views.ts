import type { CarrierVoicemail, Handset, Screen } from './call/handset.ts';
import type { CallState, LabCall, ReleasedBy } from './call/lab-call.ts';
import type { Heard } from './media/handset-audio.ts';
import type { Forwarding, ForwardingCondition } from './model/forwarding-table.ts';
import type { InboxSms } from './model/sms-centre.ts';
import type {
  CarrierCondition,
  CarrierOptions,
  Coverage,
  Diverted,
  HandsetRole,
  NetworkFamily,
  RedirectionHeaders,
} from './model/types.ts';

/** What REST and the event stream show. Times are unix milliseconds, numbers E.164. */
export interface CarrierView {
  id: string;
  name: string;
  country: string;
  family: NetworkFamily;
  cNumber: string;
  /** What handsets send there goes to Ringthrough. */
  smsNumber: string | null;
  /** Further numbers of Ringthrough's at this carrier: for missed calls. */
  serviceNumbers: readonly string[];
  /** Of the carrier's own voicemail. */
  voicemailNumber: string | null;
  redirection: RedirectionHeaders;
  condition: CarrierCondition;
  /** The switch's SIP address, as the trunk sees it. */
  sip: { host: string; port: number };
}

export interface HandsetView {
  number: string;
  owner: string;
  role: HandsetRole;
  carrierId: string;
  coverage: Coverage;
  state: 'idle' | Exclude<Coverage, 'covered'> | 'calling' | 'ringing' | 'in-call';
  /** `null` when the screen shows nothing but the idle picture. */
  screen: Screen | null;
  call: { id: string; peer: string; direction: 'outgoing' | 'incoming'; state: CallState } | null;
  forwardings: Partial<Record<ForwardingCondition, Forwarding>>;
  /** Whether the carrier's own voicemail takes calls that nothing else is registered for, and what was said to it. */
  carrierVoicemail: { on: boolean; messages: readonly CarrierVoicemail[] };
  inbox: readonly InboxSms[];
  /** Messages the SMS centre keeps for it. */
  waitingSms: number;
}

export interface CallView {
  id: string;
  caller: string;
  called: string;
  state: CallState;
  startedAt: number;
  alertingAt: number | null;
  answeredAt: number | null;
  endedAt: number | null;
  diverted: readonly Diverted[];
  /** Where the call is now, or was last. */
  destination: 'handset' | 'trunk' | 'voicemail' | null;
  codec: string | null;
  release: { by: ReleasedBy; q850: number; text: string } | null;
  /** What the caller has been hearing. */
  callerHears: Heard;
}

export function carrierView(
  options: CarrierOptions,
  now: Pick<CarrierView, 'redirection' | 'condition' | 'sip'>,
): CarrierView {
  const { id, name, country, cNumber } = options;
  const { family = 'gsm', smsNumber = null, serviceNumbers = [], voicemailNumber = null } = options;
  return { id, name, country, family, cNumber, smsNumber, serviceNumbers, voicemailNumber, ...now };
}

/** The SMS of a handset, there and on their way. */
export interface SmsOfHandset {
  inbox(number: string): readonly InboxSms[];
  waitingFor(number: string): number;
}

export function handsetView(handset: Handset, call: LabCall | undefined, sms: SmsOfHandset): HandsetView {
  const outgoing = call?.caller === handset;
  const caller = call?.withholdNumber === true ? 'Number withheld' : (call?.caller.number ?? '');
  return {
    number: handset.number,
    owner: handset.owner,
    role: handset.role,
    carrierId: handset.carrierId,
    coverage: handset.coverage,
    state: handsetState(handset, call, outgoing),
    screen: handset.screen ?? null,
    call:
      call === undefined
        ? null
        : {
            id: call.id,
            peer: outgoing ? call.called : caller,
            direction: outgoing ? 'outgoing' : 'incoming',
            state: call.state,
          },
    forwardings: handset.forwarding.snapshot(),
    carrierVoicemail: { on: handset.voicemailNumber !== undefined, messages: handset.voicemails },
    inbox: sms.inbox(handset.number),
    waitingSms: sms.waitingFor(handset.number),
  };
}

function handsetState(handset: Handset, call: LabCall | undefined, outgoing: boolean): HandsetView['state'] {
  if (call !== undefined) {
    if (call.state === 'active') return 'in-call';
    return outgoing ? 'calling' : 'ringing';
  }
  return handset.coverage === 'covered' ? 'idle' : handset.coverage;
}

export function callView(call: LabCall): CallView {
  const { release } = call;
  return {
    id: call.id,
    caller: call.caller.number,
    called: call.called,
    state: call.state,
    startedAt: call.startedAt,
    alertingAt: call.alertingAt ?? null,
    answeredAt: call.answeredAt ?? null,
    endedAt: call.endedAt ?? null,
    diverted: call.diverted,
    destination: call.destination ?? null,
    codec: call.trunkCodec ?? null,
    release: release === undefined ? null : { by: release.by, ...release.cause },
    callerHears: call.callerAudio.heard(),
  };
}
