import { useEffect, useRef } from 'preact/hooks';
import { api } from '../../api/client.ts';
import type { Challenge, MechanismName, Validation } from '../../api/types.ts';
import { unbroken } from '../../format/number.ts';
import { formatDuration } from '../../format/time.ts';
import { say } from '../../state/messages.ts';
import { draftOf, giveUpProof, rememberBegun, startProof, waysFor } from '../../state/proving.ts';
import { replace } from '../../state/router.ts';
import { texts } from '../../texts/index.ts';
import { Button } from '../../ui/button.tsx';
import { ErrorLine } from '../../ui/field.tsx';
import { Icon } from '../../ui/icon.tsx';
import { useAction } from '../../ui/use-action.ts';
import { useNow } from '../../ui/use-now.ts';
import { ConfirmSms, PlaceCall, PressKeys, Progress, SendSms } from './challenges.tsx';
import { CodeEntry } from './code-entry.tsx';
import type { ProofFlowProps } from './props.ts';
import { useStanding } from './use-standing.ts';

/** How long to wait before another SMS or call may be asked for: the first needs a moment. */
const againAfterMs = 30_000;

/** The person follows the challenge; what the network sees of it is followed by long poll. */
export function ProveStep(props: ProofFlowProps) {
  const { validation } = draftOf(props.purpose).value;
  if (!validation) return null;
  return <Running key={validation.id} {...props} validation={validation} />;
}

function Running(props: ProofFlowProps & { validation: Validation }) {
  const { validation, purpose, at } = props;
  const { challenge, number } = validation;
  const standing = useStanding(validation.id).value;
  const action = useAction();
  /** This page exchanges the answer itself: that it is proved is no news then. */
  const mine = useRef(false);
  const state = standing?.state ?? 'pending';

  const check = (code: string) =>
    action.run(async () => {
      mine.current = true;
      try {
        const { proof } = await api.checkCode(validation.id, code);
        await props.onProof(proof, number);
      } catch (error) {
        mine.current = false;
        throw error;
      }
    });
  useEffect(() => {
    if (challenge.kind === 'confirm-sms') {
      rememberBegun({ id: validation.id, purpose, at, number, expiresAt: validation.expiresAt });
    }
  }, [validation.id]);
  useEffect(() => {
    if (state !== 'proved' || challenge.kind === 'enter-code' || challenge.kind === 'confirm-sms') return;
    void action.run(async () => {
      const { proof } = await api.claimProof(validation.id);
      await props.onProof(proof, number);
    });
  }, [state]);

  const over = state === 'failed' || state === 'expired';
  const elsewhere = state === 'proved' && isAnswered(challenge) && !mine.current && !action.busy.value;
  return (
    <props.frame title={titleOf(challenge)} lead={leadOf(challenge, unbroken(number))}>
      <div class="stack loose">
        {over || elsewhere ? null : (
          <Task
            challenge={challenge}
            number={number}
            busy={action.busy.value}
            onAnswer={check}
            action={action}
          />
        )}
        <Progress standing={standing} challenge={challenge} />
        {elsewhere && (
          <p class="told" role="status">
            {texts.prove.elsewhere}
          </p>
        )}
        {!(challenge.kind === 'enter-code' && !over) && <ErrorLine text={action.error.value} />}
        {!elsewhere && <Ways {...props} over={over} />}
      </div>
    </props.frame>
  );
}

const isAnswered = ({ kind }: Challenge): boolean => kind === 'enter-code' || kind === 'confirm-sms';

function titleOf(challenge: Challenge): string {
  switch (challenge.kind) {
    case 'enter-code':
      return challenge.by === 'sms' ? texts.code.title : texts.prove.spokenTitle;
    case 'press-keys':
      return texts.prove.keysTitle;
    case 'confirm-sms':
      return texts.prove.confirmTitle;
    case 'send-sms':
      return texts.prove.sendTitle;
    case 'place-call':
      return texts.prove.callTitle;
  }
}

function leadOf(challenge: Challenge, number: string): string {
  switch (challenge.kind) {
    case 'enter-code':
      return challenge.by === 'sms' ? texts.code.sentTo(number) : texts.prove.spokenLead(number);
    case 'press-keys':
      return texts.prove.keysLead(number);
    case 'confirm-sms':
      return texts.prove.confirmLead(number);
    case 'send-sms':
      return texts.prove.sendLead(number);
    case 'place-call':
      return texts.prove.callLead(number);
  }
}

function Task(props: {
  challenge: Challenge;
  number: string;
  busy: boolean;
  onAnswer: (code: string) => Promise<void>;
  action: ReturnType<typeof useAction>;
}) {
  const { challenge, onAnswer, action } = props;
  switch (challenge.kind) {
    case 'enter-code':
      return (
        <CodeEntry
          digits={challenge.digits}
          bySms={challenge.by === 'sms'}
          onCode={onAnswer}
          action={action}
        />
      );
    case 'press-keys':
      return <PressKeys keys={challenge.keys} />;
    case 'confirm-sms':
      return <ConfirmSms onToken={onAnswer} />;
    case 'send-sms':
      return <SendSms to={challenge.to} text={challenge.text} />;
    case 'place-call':
      return <PlaceCall to={challenge.to} />;
  }
}

/** Once more, another number, another way. */
function Ways(props: ProofFlowProps & { validation: Validation; over: boolean }) {
  const { validation, purpose, over } = props;
  const { startedAt = 0, options } = draftOf(purpose).value;
  const action = useAction();
  const wait = startedAt + againAfterMs - useNow();
  const start = (mechanism: MechanismName, done?: string) =>
    action.run(async () => {
      await startProof(purpose, mechanism);
      if (done) say(done);
    });
  const again = againWords(validation.challenge);
  const others = options ? waysFor(options).filter((name) => name !== validation.mechanism) : [];
  const otherNumber = () => {
    giveUpProof(purpose);
    replace(...props.at);
  };
  return (
    <div class="stack">
      <ErrorLine text={action.error.value} />
      {over && (
        <Button busy={action.busy.value} onClick={() => void start(validation.mechanism)}>
          {texts.prove.startAgain}
        </Button>
      )}
      <div class="row wrap spread">
        {!over && again && (
          <Button
            kind="plain flush"
            busy={wait > 0 || action.busy.value}
            onClick={() => void start(validation.mechanism, again.done)}
          >
            {wait > 0 ? again.in(formatDuration(wait + 999)) : again.now}
          </Button>
        )}
        <Button kind="plain flush" onClick={otherNumber}>
          {texts.code.otherNumber}
        </Button>
      </div>
      {others.length > 0 && (
        <details class="ways" open={over}>
          <summary class="button plain flush">
            {texts.prove.otherWay}
            <span class="turns">
              <Icon name="next" size={16} />
            </span>
          </summary>
          <ul class="stack tight" aria-label={texts.prove.otherWays}>
            {others.map((name) => (
              <li key={name}>
                <Button kind="quiet full" busy={action.busy.value} onClick={() => void start(name)}>
                  {texts.prove.ways[name]}
                </Button>
              </li>
            ))}
          </ul>
        </details>
      )}
    </div>
  );
}

function againWords(
  challenge: Challenge,
): { now: string; in: (duration: string) => string; done: string } | undefined {
  const { code, prove } = texts;
  switch (challenge.kind) {
    case 'enter-code':
      return challenge.by === 'sms'
        ? { now: code.again, in: code.againIn, done: code.sentAgain }
        : { now: prove.callAgain, in: prove.callAgainIn, done: prove.calledAgain };
    case 'press-keys':
      return { now: prove.callAgain, in: prove.callAgainIn, done: prove.calledAgain };
    case 'confirm-sms':
      return { now: prove.smsAgain, in: prove.smsAgainIn, done: prove.smsSentAgain };
    default:
      // The person sends or calls: nothing to repeat on our side.
      return undefined;
  }
}
